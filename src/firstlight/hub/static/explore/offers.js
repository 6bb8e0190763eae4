// The list under the caret, and the explanation of the chosen entry.
import { html, useEffect, useRef } from "../ui.js";

const SIGNS = { metric: "m", function: "ƒ", aggregation: "Σ", label: "l", value: "v", keyword: "k", operator: "=", duration: "t", table: "t", column: "c" };

export function Offers({ id, offer, chosen, take }) {
  const list = useRef(null);
  useEffect(() => list.current?.children[chosen]?.scrollIntoView({ block: "nearest" }), [chosen, offer]);
  const entry = offer?.offers[chosen];
  const explained = entry?.help;
  return html`<div class="offers" hidden=${!offer} style=${offer ? { left: `min(${Math.round(offer.at.left)}px, max(0px, 100% - 560px))`, top: `${Math.round(offer.at.top) + 4}px` } : {}}>
    <ul ref=${list} role="listbox" id=${`${id}-offers`} aria-label="What may come here">
      ${(offer?.offers ?? []).map(
        (each, i) => html`<li key=${`${each.kind} ${each.text}`} role="option" id=${`${id}-offer-${i}`} aria-selected=${i === chosen} class=${each.kind}
          onMouseDown=${(event) => event.preventDefault()} onClick=${() => take(each)}>
          <i aria-hidden="true">${SIGNS[each.kind] ?? ""}</i><b>${each.text}</b> <span>${each.detail ?? ""}</span></li>`,
      )}
    </ul>
    ${explained && html`<p class="explained" aria-live="off"><code>${entry.text}${entry.kind === "function" || entry.kind === "aggregation" ? entry.detail : ""}</code> ${entry.help ?? ""}</p>`}
  </div>`;
}
