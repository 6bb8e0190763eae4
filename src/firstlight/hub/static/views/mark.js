// The page's name, and the way from one page to the other.
import { html } from "../ui.js";

export function Mark() {
  return html`<a class="mark" href="/"><svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true"><path d="M3.5 16a8.5 8.5 0 0 1 17 0z" /><path d="M2 19.5h20M12 2v3M4.6 5.4l2 2M19.4 5.4l-2 2" /></svg>Firstlight</a>`;
}

const PLACES = [["overview", "/", "Overview"], ["explore", "/explore", "Explore"]];

export function Places({ here }) {
  return html`<nav class="places" aria-label="Pages">
    ${PLACES.map(([key, address, name]) => html`<a key=${key} href=${address} aria-current=${key === here ? "page" : null}>${name}</a>`)}
  </nav>`;
}
