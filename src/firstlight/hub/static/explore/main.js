// The explore view: queries, their answers, the metrics there are, all of one stretch of time.
import { html, render, effect, untracked, useEffect, useRef, useSignal } from "../ui.js";
import { problem } from "../api.js";
import { chooseTheme, nextTheme, theme } from "../state.js";
import { Problems, watchErrors } from "../views/problems.js";
import { Mark, Places } from "../views/mark.js";
import { MOST_QUERIES } from "./place.js";
import { Examples } from "./examples.js";
import { History, remember } from "./history.js";
import { Metrics } from "./metrics.js";
import { Query } from "./query.js";
import { Range } from "./range.js";
import { add, ask, everyMs, followAddress, place, run, turn, drafts } from "./session.js";

const COPIED_MS = 2000;
const LETTERS = "ABCDEFGHIJKL";

/** The address of what is shown; what is only written is run first, or it would not be in it. */
function CopyLink() {
  const said = useSignal("Copy link");
  const copy = async () => {
    if (drafts.value.size) run();
    try {
      await navigator.clipboard.writeText(location.href);
      said.value = "Copied";
      setTimeout(() => (said.value = "Copy link"), COPIED_MS);
    } catch {
      problem("clipboard", "the browser did not let the page copy; the address bar has the link.");
    }
  };
  return html`<button id="copy-link" onClick=${copy}><span role="status">${said.value}</span></button>`;
}

function Bar() {
  return html`<header class="top">
    <${Mark} /><${Places} here="explore" />
    <div class="tools">
      <${CopyLink} />
      <button id="theme" onClick=${() => chooseTheme(nextTheme())} aria-label=${`Theme: ${theme.value}; change it`}><i aria-hidden="true">${{ auto: "◐", light: "○", dark: "●" }[theme.value]}</i> ${theme.value}</button>
    </div>
  </header>`;
}

/** The width that a chart will have, for the step that is chosen by it. */
function useWidth(at) {
  const width = useSignal(800);
  useEffect(() => {
    const sizes = new ResizeObserver(() => (width.value = at.current?.clientWidth ?? 800));
    sizes.observe(at.current);
    return () => sizes.disconnect();
  }, []);
  return width.value;
}

function Page() {
  const column = useRef(null);
  const widthPx = useWidth(column);
  const { queries } = place.value;
  return html`<a class="skip" href="#queries" onClick=${skip}>Skip to the queries</a>
    <${Bar} /><${Problems} />
    <main class="explore"><h1 class="unseen">Explore</h1>
      <${Metrics} />
      <div class="column" ref=${column} id="queries" tabindex="-1">
        <${Range} widthPx=${widthPx} />
        ${queries.map((query, i) => html`<${Query} key=${query.id} query=${query} name=${LETTERS[i]} />`)}
        <div class="adding"><button id="add-query" disabled=${queries.length >= MOST_QUERIES} onClick=${() => focusOn(add())}>Add a query</button>
          <button disabled=${queries.length >= MOST_QUERIES} onClick=${() => focusOn(add("sql"))}>Add SQL</button></div>
        ${queries.every((query) => !query.text.trim()) && html`<${Examples} />`}
      </div>
    </main><${History} />`;
}

/** The address keeps the state, so the link only moves the caret. */
function skip(event) {
  event.preventDefault();
  document.getElementById("queries").focus();
}

function focusOn(id) {
  if (id !== null) requestAnimationFrame(() => document.getElementById(`query-${id}`)?.focus());
}

/** Ask again by itself while the page is seen. */
function keepFresh() {
  let timer = 0;
  effect(() => {
    turn.value;
    clearInterval(timer);
    const ms = everyMs();
    if (ms) timer = setInterval(() => document.hidden || ask(), ms);
  });
}

watchErrors();
followAddress();
keepFresh();
effect(() => {
  turn.value;
  untracked(() => remember(place.value.queries));
});
const root = document.getElementById("app");
root.replaceChildren();
render(html`<${Page} />`, root);
