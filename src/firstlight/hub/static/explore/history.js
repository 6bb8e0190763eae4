// Queries that were run, remembered by this browser.
import { html, signal, useEffect, useRef, useSignal } from "../ui.js";
import { ago } from "../format.js";
import { write } from "./session.js";

const KEY = "firstlight.queries";
const MOST = 100;

function load() {
  try {
    const read = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(read) ? read.filter((each) => typeof each?.text === "string" && typeof each.atMs === "number") : [];
  } catch {
    return []; // storage may be forbidden, or hold what another version wrote
  }
}

const ran = signal(load());
const asking = signal(null);

/** Open the list for a query. */
export const recall = (query) => (asking.value = query);

/** Remember queries that run; the same text moves to the front. */
export function remember(queries) {
  const fresh = queries.filter((each) => each.text.trim()).map(({ language, text }) => ({ language, text, atMs: Date.now() }));
  if (!fresh.length) return;
  const isFresh = (each) => fresh.some((one) => one.text === each.text && one.language === each.language);
  ran.value = [...fresh, ...ran.value.filter((each) => !isFresh(each))].slice(0, MOST);
  try {
    localStorage.setItem(KEY, JSON.stringify(ran.value));
  } catch {
    // As above: the list then lasts as long as the page.
  }
}

export function History() {
  const dialog = useRef(null);
  const words = useSignal("");
  const query = asking.value;
  useEffect(() => {
    if (query && !dialog.current.open) dialog.current.showModal();
    if (!query && dialog.current.open) dialog.current.close();
  }, [query]);
  const take = (text) => {
    write(query.id, text);
    asking.value = null;
  };
  const found = query ? ran.value.filter((each) => each.language === query.language && each.text.toLowerCase().includes(words.value.toLowerCase())) : [];
  return html`<dialog ref=${dialog} class="history" aria-labelledby="h-history" onClose=${() => (asking.value = null)}>
    <h2 id="h-history">Queries that ran here</h2>
    <input type="search" aria-label="Search the history" placeholder="search" value=${words.value} onInput=${(event) => (words.value = event.target.value)} />
    <ul>${found.map((each) => html`<li key=${each.text}><button onClick=${() => take(each.text)}><code>${each.text}</code> <span class="note">${ago((Date.now() - each.atMs) / 1000)}</span></button></li>`)}</ul>
    ${found.length === 0 && html`<p class="none">${ran.value.length ? "No query has these words." : "Queries appear here as soon as one has run."}</p>`}
    <button onClick=${() => (asking.value = null)}>Close</button>
  </dialog>`;
}
