// One query of the view: its text, what can be done with it, and what came of it.
import { html, useEffect, useRef, useSignal } from "../ui.js";
import { read } from "./ask.js";
import { useAnswer } from "./asking.js";
import { Editor } from "./editor.js";
import { Outcome } from "./outcome.js";
import { change, drafts, duplicate, focused, place, remove, run, translate, write, written } from "./session.js";
import { suggest } from "./suggest.js";
import { suggestSql } from "./sql_words.js";
import { recall } from "./history.js";

const CHECK_MS = 500;
const SQL_START = "select time_bucket(interval 1 minute, time) as minute, name, count(*) as events\nfrom events\nwhere time between $from and $to\ngroup by all order by minute";
const HINTS = {
  promql: html`<kbd>Enter</kbd> runs, <kbd>Shift Enter</kbd> new line, <kbd>Ctrl Space</kbd> suggests`,
  sql: html`<kbd>Ctrl Enter</kbd> runs; <code>$from</code> and <code>$to</code> are the chosen time`,
};

/** What is wrong with a text that is written but not run: the parser's own word, a moment after the last key. */
function useCheck(text, language) {
  const wrong = useSignal(null);
  useEffect(() => {
    wrong.value = null;
    if (language !== "promql" || !text.trim()) return undefined;
    const stop = new AbortController();
    const timer = setTimeout(() => {
      read("parse_query", { query: text }, stop.signal).then(null, (error) => {
        if (!stop.signal.aborted && error.kind === "bad_data") wrong.value = error;
      });
    }, CHECK_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [text, language]);
  return wrong.value;
}

/** The width of an element, followed; 0 until it is known. */
function useWidth(at) {
  const width = useSignal(0);
  useEffect(() => {
    const sizes = new ResizeObserver(() => (width.value = at.current?.clientWidth ?? 0));
    sizes.observe(at.current);
    return () => sizes.disconnect();
  }, []);
  return width.value;
}

async function format(query, say) {
  const text = written(query);
  try {
    write(query.id, await read("format_query", { query: text }));
    say("");
  } catch (error) {
    say(error.message);
  }
}

function Tools({ query, name, format: onFormat, recalled }) {
  const alone = place.value.queries.length === 1;
  return html`<div class="query-tools">
    <div class="choices" role="group" aria-label=${`language of query ${name}`}>
      ${[["promql", "PromQL"], ["sql", "SQL"]].map(([key, shown]) => html`<button key=${key} aria-pressed=${query.language === key}
        onClick=${() => key !== query.language && translate(query.id, key, key === "sql" ? SQL_START : "")}>${shown}</button>`)}
    </div>
    ${query.language === "promql" && html`<button onClick=${onFormat} title="Alt+Shift+F">Format</button>`}
    <button onClick=${recalled}>History</button>
    <button onClick=${() => duplicate(query.id)} aria-label=${`Duplicate query ${name}`}>Duplicate</button>
    <button onClick=${() => change(query.id, { hidden: !query.hidden })} aria-pressed=${query.hidden} aria-label=${`Hide query ${name}`}>${query.hidden ? "Hidden" : "Hide"}</button>
    <button onClick=${() => remove(query.id)} disabled=${alone && !written(query)} aria-label=${`Remove query ${name}`}>Remove</button>
  </div>`;
}

/** The trouble of the text as it stands: the parser's while it is written, the answer's once it has run. */
function troubleOf(query, text, checked, state) {
  if (checked) return checked;
  return state.error && query.text === text && state.error.place !== null ? state.error : null;
}

const firstLine = (message) => message.split("\n")[0];

export function Query({ query, name }) {
  drafts.value;
  const at = useRef(null);
  const said = useSignal("");
  const text = written(query);
  const state = useAnswer(query, useWidth(at));
  const wrong = troubleOf(query, text, useCheck(text, query.language), state);
  const id = `query-${query.id}`;
  const onFormat = () => format(query, (message) => (said.value = message));
  const isDraft = text !== query.text;
  return html`<article class=${`query${query.hidden ? " is-hidden" : ""}`} ref=${at} aria-label=${`query ${name}`} data-query=${name}>
    <header><h3>${name}</h3><${Tools} query=${query} name=${name} format=${onFormat} recalled=${() => recall(query)} /></header>
    <div class="asked">
      <${Editor} key=${query.language} id=${id} label=${`query ${name} in ${query.language === "sql" ? "SQL" : "PromQL"}`} language=${query.language} value=${text}
        placeholder=${query.language === "sql" ? "select …" : "a metric, such as host_load_average"}
        onWrite=${(next) => write(query.id, next)} onRun=${run} onFormat=${query.language === "promql" ? onFormat : null}
        onFocus=${() => (focused.value = query.id)} suggest=${query.language === "sql" ? suggestSql : suggest} wrong=${wrong} />
      <button class=${`run${isDraft ? " due" : ""}`} onClick=${run}>Run</button>
    </div>
    <p class="under-query"><span id=${`${id}-wrong`} class="wrong" role="status">${wrong ? firstLine(wrong.message) : said.value}</span>
      <span class="note hint">${HINTS[query.language]}</span></p>
    ${query.hidden ? html`<p class="none">Hidden: it is not asked.</p>` : query.text.trim() && html`<${Outcome} query=${query} name=${name} state=${state} />`}
  </article>`;
}
