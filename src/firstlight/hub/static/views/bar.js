// The bar above and the facts below.
import { html, text, useRef, useEffect } from "../ui.js";
import { bytes, duration, whole } from "../format.js";
import { SPANS } from "../grid.js";
import { chooseSpan, chooseTheme, link, lostAtMs, nextTheme, paused, spanKey, status, theme, tick } from "../state.js";
import * as host from "../host.js";
import { pause } from "../live.js";
import { Mark, Places } from "./mark.js";

export function takeSpan(key) {
  if (key === spanKey.value) return;
  chooseSpan(key);
  host.respan();
}

function Link() {
  tick.value;
  const state = paused.value ? "paused" : link.value;
  const since = state === "reconnecting" ? ` for ${duration(Math.round((Date.now() - lostAtMs.value) / 1000))}` : "";
  const shape = { live: "●", paused: "❙❙", reconnecting: "◌", connecting: "◌", resting: "○" }[state];
  return html`<span id="link" class=${`link-state ${state}`} role="status" data-state=${state}>
    <i aria-hidden="true">${shape}</i> ${state}<span aria-hidden="true">${since}</span></span>`;
}

export function Bar({ help }) {
  const facts = status.value;
  const named = facts?.sources.find((source) => source.service === "host")?.host;
  return html`<header class="top">
    <${Mark} /><${Places} here="overview" />
    <span class="where">${text(named) || location.host}</span>
    <${Link} />
    <div class="tools">
      <div class="choices" role="group" aria-label="Window of time">
        ${SPANS.map((each) => html`<button key=${each.key} data-span=${each.key} aria-pressed=${spanKey.value === each.key} onClick=${() => takeSpan(each.key)}>${each.label}</button>`)}
      </div>
      <button id="pause" aria-pressed=${paused.value} onClick=${() => pause(!paused.value)}>${paused.value ? "Resume" : "Pause"}</button>
      <button id="theme" onClick=${() => chooseTheme(nextTheme())} aria-label=${`Theme: ${theme.value}; change it`}><i aria-hidden="true">${{ auto: "◐", light: "○", dark: "●" }[theme.value]}</i> ${theme.value}</button>
      <button id="help" onClick=${help} aria-label="Keyboard shortcuts">?</button>
    </div>
  </header>`;
}

const KEYS = [
  ["1 2 3 4", "window of 5 min, 15 min, 1 h, 6 h"],
  ["p", "pause or resume the whole page"],
  ["x", "go to the explore page"],
  ["t", "theme: automatic, light, dark"],
  ["h c r s e m", "go to health, charts, processes, sources, events, any metric"],
  ["/", "filter the events by text"],
  ["← →", "on a chart: move the crosshair; with Shift by ten, Home and End to the edges, Esc leaves"],
  ["↑ ↓", "in the events: from row to row; Enter opens one"],
  ["?", "this list"],
];

export function Help({ open }) {
  const dialog = useRef(null);
  useEffect(() => {
    if (open.value && !dialog.current.open) dialog.current.showModal();
    if (!open.value && dialog.current.open) dialog.current.close();
  }, [open.value]);
  return html`<dialog ref=${dialog} aria-labelledby="h-help" onClose=${() => (open.value = false)}>
    <h2 id="h-help">Keyboard</h2>
    <dl>${KEYS.map(([keys, what]) => html`<div key=${keys}><dt>${keys.split(" ").map((key) => html`<kbd key=${key}>${key}</kbd> `)}</dt><dd>${what}</dd></div>`)}</dl>
    <button onClick=${() => (open.value = false)}>Close</button>
  </dialog>`;
}

export function Foot() {
  const facts = status.value;
  if (!facts) return html`<footer></footer>`;
  const lake = Object.entries(facts.lake ?? {}).filter(([, value]) => typeof value === "number");
  const write = ([name, value]) => `${name.replaceAll("_", " ").replace(/ bytes$/, "")} ${/bytes$/.test(name) ? bytes(value) : whole(value)}`;
  return html`<footer>
    <span>Firstlight ${text(facts.version)}</span><span>up ${duration(facts.uptime_s)}</span><span>pid ${facts.pid}</span>
    <span>${whole(facts.series)} series, ${whole(facts.host_series)} of this host</span>
    <span class="path" title=${text(facts.data_dir)}>${text(facts.data_dir)}</span>
    ${lake.slice(0, 8).map((each) => html`<span key=${each[0]}>${write(each)}</span>`)}
    <a href="/metrics">metrics</a><a href="/api/status">status</a><a href="/api/health">health</a>
  </footer>`;
}
