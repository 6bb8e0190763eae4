// What is wrong, in the hub's own words, under the bar.
import { html } from "../ui.js";
import { problem, problems, solved } from "../api.js";

export function Problems() {
  const all = [...problems.value];
  return html`<div class="problems" role="alert">
    ${all.map(([about, message]) => html`<p key=${about}><b>${about}</b> ${message} <button onClick=${() => solved(about)} aria-label=${`Dismiss: ${about}`}>×</button></p>`)}
  </div>`;
}

/** What breaks in the page itself is shown too. */
export function watchErrors() {
  addEventListener("error", (event) => problem("page", event.message || "a script failed; reload the page."));
  addEventListener("unhandledrejection", (event) => problem("page", String(event.reason?.message ?? event.reason)));
}
