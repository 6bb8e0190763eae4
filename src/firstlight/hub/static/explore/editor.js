// A text field for queries: coloured words, paired brackets, the place of an error, and a list of what may come.
//
// The field itself is a plain <textarea>; what is coloured lies under it and shows through.
import { html, useEffect, useRef, useSignal } from "../ui.js";
import { Offers } from "./offers.js";
import { paint } from "./paint.js";
import { paired } from "./pairs.js";

const WAIT_MS = 60;

/** Put text in the place of a stretch so that the browser's own undo takes it back. */
function replace(field, start, end, insert) {
  field.focus();
  field.setSelectionRange(start, end);
  if (start === end && insert === "") return;
  if (!document.execCommand(insert === "" ? "delete" : "insertText", false, insert)) {
    field.setRangeText(insert, start, end, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

/** Where a character stands, relative to the editor. */
function positionOf(under, offset) {
  const walker = document.createTreeWalker(under, NodeFilter.SHOW_TEXT);
  let left = offset;
  let node = walker.nextNode();
  while (node && left > node.length) {
    left -= node.length;
    node = walker.nextNode();
  }
  const box = under.getBoundingClientRect();
  if (!node) return { left: 0, top: box.height };
  const range = document.createRange();
  range.setStart(node, left);
  range.setEnd(node, left);
  const at = range.getBoundingClientRect();
  return { left: at.left - box.left, top: at.bottom - box.top };
}

/** The offer for the caret, asked for a moment after the last key; a later question overtakes an earlier one. */
function useOffer(field, under, suggest) {
  const offer = useSignal(null);
  const chosen = useSignal(0);
  const asked = useRef(0);
  const timer = useRef(0);
  const close = () => {
    clearTimeout(timer.current);
    asked.current += 1;
    offer.value = null;
  };
  const open = async (isWanted = false) => {
    asked.current += 1;
    const mine = asked.current;
    const { value, selectionStart, selectionEnd } = field.current;
    if (selectionStart !== selectionEnd) return;
    const found = await suggest(value, selectionStart).catch(() => null);
    const isStill = field.current?.value === value && field.current.selectionStart === selectionStart;
    if (mine !== asked.current || !isStill || document.activeElement !== field.current) return;
    chosen.value = 0;
    const isTyped = isWanted || (found && (found.end > found.start || !["expression", "after"].includes(found.place)));
    const isDone = found?.offers.length === 1 && (found.offers[0].insert ?? found.offers[0].text) === value.slice(found.start, found.end);
    offer.value = found?.offers.length && isTyped && !isDone ? { ...found, at: positionOf(under.current, found.start) } : null;
  };
  const openSoon = () => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => open(), WAIT_MS);
  };
  return { offer, chosen, open, openSoon, close };
}

function accept(field, { start, end }, { text, insert = text, back = 0 }) {
  replace(field, start, end, insert);
  const caret = field.selectionStart - back;
  field.setSelectionRange(caret, caret);
}

const step = (chosen, length, key) =>
  ({ ArrowDown: (chosen + 1) % length, ArrowUp: (chosen - 1 + length) % length, PageDown: Math.min(length - 1, chosen + 8), PageUp: Math.max(0, chosen - 8) })[key];

/** Keys of the open list: true where the key was one of them. */
function steer(event, list, take) {
  const { offer, chosen, close } = list;
  if (!offer.value || event.ctrlKey || event.metaKey || event.altKey) return false;
  const to = step(chosen.value, offer.value.offers.length, event.key);
  if (to !== undefined) chosen.value = to;
  else if (event.key === "Escape") close();
  else if ((event.key === "Enter" || event.key === "Tab") && !event.shiftKey) take(offer.value.offers[chosen.value]);
  else return false;
  return true;
}

/** Whether Enter runs although a list is open: the first entry is already there as it would be put. */
function isWhole(event, { offer, chosen }, { value }) {
  if (event.key !== "Enter" || !offer.value || chosen.value !== 0) return false;
  const { start, end, offers } = offer.value;
  return offers[0].kind === "metric" && offers[0].text === value.slice(start, end);
}

/** Close what the key opens: true where it did more than the key says. */
function pair(event, field) {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  const { value, selectionStart, selectionEnd } = field;
  const found = paired(event.key, value, selectionStart, selectionEnd);
  if (!found) return false;
  replace(field, found.start, found.end, found.insert);
  field.setSelectionRange(found.caret, found.caret);
  return true;
}

/**
 * Args:
 *   id, label, language: of the field.
 *   value, onWrite: the text.
 *   onRun, onFormat: what Enter and Alt+Shift+F do.
 *   suggest: (text, caret) => {start, end, offers}.
 *   wrong: {message, place} of the text as it is, or null.
 */
export function Editor({ id, label, language, value, onWrite, onRun, onFormat, onFocus, suggest, wrong, placeholder }) {
  const [field, under] = [useRef(null), useRef(null)];
  const caret = useSignal(-1);
  const list = useOffer(field, under, suggest);
  const take = (offer) => {
    const { value: opened } = list.offer;
    list.close();
    accept(field.current, opened, offer);
    if (offer.back || offer.insert?.endsWith(" ")) list.openSoon();
  };
  const keys = (event) => {
    if (event.isComposing) return;
    const runs = event.key === "Enter" && (event.ctrlKey || event.metaKey || (language === "promql" && !event.shiftKey));
    if (event.key === " " && event.ctrlKey) list.open(true);
    else if (isWhole(event, list, field.current)) (list.close(), onRun());
    else if (steer(event, list, take)) event.stopPropagation();
    else if (pair(event, field.current)) list.openSoon();
    else if (runs) (list.close(), onRun());
    else if (event.code === "KeyF" && event.altKey && event.shiftKey) onFormat?.();
    else return;
    event.preventDefault();
  };
  const moved = () => (caret.value = document.activeElement === field.current ? field.current.selectionStart : -1);
  useEffect(() => {
    document.addEventListener("selectionchange", moved);
    return () => document.removeEventListener("selectionchange", moved);
  }, []);
  const { offer, chosen } = list;
  return html`<div class="editor">
    <pre class="under" ref=${under} aria-hidden="true">${paint(value, language, caret.value, wrong)}${"\n"}</pre>
    <textarea ref=${field} id=${id} rows="1" spellcheck=${false} autocomplete="off" autocapitalize="off" autocorrect="off"
      role="combobox" aria-label=${label} aria-autocomplete="list" aria-haspopup="listbox" aria-expanded=${offer.value !== null}
      aria-controls=${`${id}-offers`} aria-activedescendant=${offer.value ? `${id}-offer-${chosen.value}` : null}
      aria-invalid=${wrong !== null} aria-describedby=${`${id}-wrong`} placeholder=${placeholder} value=${value}
      onInput=${(event) => (onWrite(event.target.value), moved(), list.openSoon())} onKeyDown=${keys}
      onFocus=${onFocus} onBlur=${() => (list.close(), moved())} onClick=${list.close} />
    <${Offers} id=${id} offer=${offer.value} chosen=${chosen.value} take=${take} />
  </div>`;
}
