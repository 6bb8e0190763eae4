// The metrics there are, and the labels of the chosen one.
import { html, useEffect, useSignal } from "../ui.js";
import { whole } from "../format.js";
import * as known from "./known.js";
import { add, drafts, focused, go, place, run, write, written } from "./session.js";
import { quoted } from "./quoting.js";
import { best } from "./ranking.js";

const MOST_SHOWN = 80;
const MOST_VALUES = 12;

/** An answer that is asked for when `key` changes: `{value, error}`. */
function useAsked(key, ask) {
  const state = useSignal({ value: null, error: null });
  useEffect(() => {
    let isWanted = true;
    state.value = { value: null, error: null };
    ask().then((value) => isWanted && (state.value = { value, error: null }), (error) => isWanted && (state.value = { value: null, error }));
    return () => (isWanted = false);
  }, [key]);
  return state.value;
}

/** The query that is written into: the last one that had the caret, if it is PromQL. */
function target() {
  const { queries } = place.value;
  const had = queries.find((query) => query.id === focused.value && query.language === "promql");
  return (had ?? queries.find((query) => query.language === "promql"))?.id ?? add();
}

const firstUse = ({ name, type }) => (type === "counter" || (type === "histogram" && /_(?:bucket|count|sum)$/.test(name)) ? `rate(${known.selector(name).replace(/\{\}$/, "")}[5m])` : known.selector(name).replace(/\{\}$/, ""));

/** Put a metric where the caret was, or as a query of its own where nothing is written. */
export function insert(metric) {
  const id = target();
  const query = place.value.queries.find((each) => each.id === id);
  const field = document.getElementById(`query-${id}`);
  const text = written(query);
  const use = text.trim() ? known.selector(metric.name).replace(/\{\}$/, "") : firstUse(metric);
  const at = field?.selectionStart ?? text.length;
  write(id, text.trim() ? text.slice(0, at) + use + text.slice(field?.selectionEnd ?? at) : use);
  go({ metric: metric.name }, true);
  if (!text.trim()) run();
  else requestAnimationFrame(() => document.getElementById(`query-${id}`)?.focus());
}

/** Narrow the metric in the query by a label, or make a query of it. */
function narrow(metric, label, value) {
  const id = target();
  const query = place.value.queries.find((each) => each.id === id);
  const matcher = `${label}=${quoted(value)}`;
  const text = written(query);
  const at = text.search(new RegExp(`\\b${metric.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}\\b`));
  write(id, at < 0 ? known.selector(metric, [matcher]) : withMatcher(text, at + metric.length, matcher));
  run();
}

function withMatcher(text, after, matcher) {
  if (text[after] !== "{") return `${text.slice(0, after)}{${matcher}}${text.slice(after)}`;
  const isEmpty = /^\{\s*\}/.test(text.slice(after));
  return `${text.slice(0, after + 1)}${matcher}${isEmpty ? "" : ", "}${text.slice(after + 1)}`;
}

function Labels({ metric }) {
  const { value, error } = useAsked(metric, () => known.labelsOf(metric));
  if (error) return html`<p class="none">Its labels did not come: ${error.message}</p>`;
  if (!value) return html`<p class="note">looking for its labels…</p>`;
  return html`<p class="note">${value.truncated ? `more than ${whole(value.total)}` : whole(value.total)} series</p>
    ${value.labels.map((label) => html`<${Label} key=${label.name} metric=${metric} label=${label} />`)}`;
}

function Label({ metric, label }) {
  const all = useSignal(false);
  const shown = all.value ? label.values.slice(0, 500) : label.values.slice(0, MOST_VALUES);
  return html`<details class="label"><summary><code>${label.name}</code> <span class="note">${whole(label.values.length)} ${label.values.length === 1 ? "value" : "values"}</span></summary>
    <ul>${shown.map(([value, series]) => html`<li key=${value}><button title=${`narrow by ${label.name}=${JSON.stringify(value)}`} onClick=${() => narrow(metric, label.name, value)}><span>${value || "(empty)"}</span> <b>${whole(series)}</b></button></li>`)}
      ${label.values.length > shown.length && !all.value && html`<li><button onClick=${() => (all.value = true)}>${label.values.length - shown.length} more</button></li>`}</ul></details>`;
}

function walk(event) {
  const rows = [...event.currentTarget.querySelectorAll(".metric > button")];
  const at = rows.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
  if (to === undefined) return;
  if (at === 0 && to < 0) event.currentTarget.querySelector("input").focus();
  else if (rows[to] && (at >= 0 || event.key === "ArrowDown")) rows[to].focus();
  else return;
  event.preventDefault();
}

function Row({ metric, isChosen }) {
  return html`<li class=${`metric${isChosen ? " chosen" : ""}`}><button onClick=${() => insert(metric)} aria-current=${isChosen} title=${metric.help || null}>
      <code>${metric.name}</code><span class="note">${[metric.type, metric.unit].filter(Boolean).join(" · ")}</span>
      ${metric.help && html`<span class="note help">${metric.help}</span>`}</button>
    ${isChosen && html`<div class="labels" role="group" aria-label=${`labels of ${metric.name}`}><${Labels} metric=${metric.name} /></div>`}</li>`;
}

export function Metrics() {
  drafts.value;
  const words = useSignal("");
  const again = useSignal(0);
  const { value, error } = useAsked(again.value, known.metrics);
  const renew = () => {
    known.forget();
    again.value += 1;
  };
  const chosen = place.value.metric;
  const all = (value ?? []).map((metric) => ({ ...metric, text: metric.name }));
  const hits = words.value.trim() ? byWords(all, words.value.trim()) : all;
  const first = all.find((metric) => metric.name === chosen);
  const shown = first && !words.value ? [first, ...hits.filter((metric) => metric !== first)].slice(0, MOST_SHOWN) : hits.slice(0, MOST_SHOWN);
  return html`<details class="metrics" open=${matchMedia("(min-width: 900px)").matches}><summary>Metrics${value && html` <span class="note">${whole(value.length)}</span>`}</summary>
    <div class="browser" onKeyDown=${walk} role="group" aria-label="metrics; arrow keys move through them">
    <div class="find"><input type="search" id="metric-search" aria-label="Search metrics by name or help" placeholder="search by name or help" autocomplete="off" spellcheck=${false} value=${words.value} onInput=${(event) => (words.value = event.target.value)} />
      <button onClick=${renew} aria-label="Look again for metrics" title="look again">↻</button></div>
    ${error && html`<p class="none">The metrics did not come: ${error.message}</p>`}
    ${value && !hits.length && html`<p class="none">${value.length ? "No metric has these letters." : "No metrics yet. As soon as anything sends some they are listed here."}</p>`}
    <ul>${shown.map((metric) => html`<${Row} key=${metric.name} metric=${metric} isChosen=${metric.name === chosen} />`)}</ul>
    ${hits.length > shown.length && html`<p class="note more">${whole(hits.length - shown.length)} more; type to narrow them down.</p>`}</div></details>`;
}

/** By name first, then those whose help has the words. */
function byWords(all, words) {
  const named = all.filter((metric) => metric.name.toLowerCase().includes(words.toLowerCase()));
  const near = named.length ? named : best(all, words);
  const inHelp = all.filter((metric) => !near.includes(metric) && metric.help.toLowerCase().includes(words.toLowerCase()));
  return [...near, ...inHelp];
}
