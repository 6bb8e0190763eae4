// The latest events.
import { html, text, useMemo, useSignal } from "../ui.js";
import { clockMillis, day } from "../format.js";
import { paused } from "../state.js";
import * as events from "../events.js";
import * as queries from "../panel_queries.js";
import { ShowQuery } from "./show_query.js";

const SHAPES = { TRACE: "·", DEBUG: "·", INFO: "○", WARN: "▲", ERROR: "■", CRITICAL: "◆" };

function Filters() {
  const set = (which) => (event) => events.choose(which, event.target.value);
  const held = events.held.value;
  return html`<div class="filters" role="group" aria-label="Filters of events">
    <label>Level <select id="event-level" onChange=${set(events.level)}>
      ${events.LEVELS.map((each) => html`<option key=${each} value=${each} selected=${events.level.value === each}>${each.toLowerCase()}${each === "CRITICAL" ? "" : " and louder"}</option>`)}
    </select></label>
    <label>Subsystem <select id="event-subsystem" onChange=${set(events.subsystem)}>
      <option value="">any</option>
      ${events.subsystems.value.map((each) => html`<option key=${each} value=${each} selected=${events.subsystem.value === each}>${each}</option>`)}
    </select></label>
    <label class="grow">Text <input id="event-text" type="search" placeholder="in any field" autocomplete="off" spellcheck=${false}
      value=${events.words.value} onInput=${(event) => (events.words.value = event.target.value)} /></label>
    <button id="event-hold" aria-pressed=${held} onClick=${() => events.hold(!held)}>
      ${held ? `Let run${events.waiting.value ? ` (${events.waiting.value} waiting)` : ""}` : "Hold still"}</button>
  </div>`;
}

function Details({ event }) {
  const facts = [
    ["time", text(event.time)],
    ["service", text(event.service)],
    ["trace", text(event.trace_id)],
    ["span", text(event.span_id)],
  ].filter(([, value]) => value);
  return html`<div class="details">
    <dl>${facts.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
    ${text(event.body) && html`<p class="body">${text(event.body)}</p>`}
    <pre tabindex="0" aria-label="attributes">${JSON.stringify(event.attributes, null, 2)}</pre>
  </div>`;
}

function Row({ event }) {
  const open = useSignal(false);
  const at = event.time_ns / 1e6;
  const level = text(event.level);
  return html`<li class=${`event ${level.toLowerCase()}`} data-level=${level}>
    <button tabindex="-1" aria-expanded=${open.value} onClick=${() => (open.value = !open.value)}>
      <time title=${`${day(at)} ${clockMillis(at)}`}>${clockMillis(at)}</time>
      <span class="level"><i aria-hidden="true">${SHAPES[level] ?? "○"}</i> ${level.toLowerCase()}</span>
      <span class="scope">${[event.subsystem, event.component].map(text).filter(Boolean).join(".") || text(event.service)}</span>
      <span class="what"><b>${text(event.name)}</b> ${text(event.body)} <span class="few">${few(event.attributes)}</span></span>
    </button>
    ${open.value && html`<${Details} event=${event} />`}
  </li>`;
}

/** The first attributes on one line. */
function few(attributes) {
  return Object.entries(attributes ?? {}).slice(0, 4).map(([key, value]) => `${key}=${text(value)}`.slice(0, 80)).join("  ");
}

/** A row is drawn once; what it shows never changes. */
const Kept = ({ event }) => useMemo(() => html`<${Row} event=${event} />`, [event]);

function Nothing() {
  if (events.list.value.length || events.level.value !== "TRACE" || events.subsystem.value) {
    return html`<p class="none">No event passes these filters. Choose a lower level, any subsystem, or clear the text.</p>`;
  }
  return html`<p class="none">No events yet. Record one from Python with <code>firstlight.event("hello")</code>, or send
    logs over OTLP; “What is sending data” shows how.</p>`;
}

const FIRST_ROWS = 150;

/** The list is one stop of the Tab key; arrow keys go from row to row. */
function walk(event) {
  const rows = [...event.currentTarget.querySelectorAll(".event > button")];
  const at = rows.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
  if (to === undefined || event.target.closest("pre") || !rows[to]) return;
  event.preventDefault();
  rows[to].focus();
}

/** The newest rows; the older ones are drawn when they are asked for, so that a flood of events costs little. */
function Rows({ rows }) {
  const all = useSignal(false);
  const drawn = all.value ? rows : rows.slice(0, FIRST_ROWS);
  return html`<ol class="events" role="list" tabindex="0" aria-label="events; arrow keys move through them" onKeyDown=${walk}>
    ${drawn.map((event) => html`<${Kept} key=${event.number} event=${event} />`)}
    ${rows.length > drawn.length && html`<li class="older"><button id="event-older" onClick=${() => (all.value = true)}>
      Show ${rows.length - drawn.length} older ones</button></li>`}
  </ol>`;
}

export function EventsView() {
  const rows = events.shown();
  return html`<section id="events" aria-labelledby="h-events">
    <header class="bar"><h2 id="h-events">Latest events</h2>
      <span class="note">the last ${rows.length}, newest first${paused.value ? "; the page is paused" : ""}</span>
      <${ShowQuery} about="Latest events" queries=${[queries.events({ level: events.level.value, subsystem: events.subsystem.value, words: events.words.value.trim() })]} /></header>
    <${Filters} />
    ${rows.length ? html`<${Rows} rows=${rows} />` : html`<${Nothing} />`}
  </section>`;
}
