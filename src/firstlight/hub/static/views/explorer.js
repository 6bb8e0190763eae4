// Any metric, charted.
import { html, text, useEffect, useSignal } from "../ui.js";
import { perSecond, writerFor } from "../format.js";
import { get, nanoseconds, nowMs } from "../api.js";
import { Line, RateLine, timesOf, windowOf } from "../grid.js";
import { ofMetric } from "../panel_queries.js";
import { Legend, Plot } from "../plot.js";
import { paused, span, spanKey, tick } from "../state.js";
import { ShowQuery } from "./show_query.js";

const MOST_NAMES = 300;
const MOST_LINES = 6;
const COLORS = ["--c1", "--c2", "--c3", "--c4", "--c5", "--c6"];
const REFRESH_BEATS = 3;

const labelsOf = ({ labels, service }, shared) => {
  const own = Object.entries(labels).filter(([key]) => !shared.has(key)).map(([key, value]) => `${key}=${text(value)}`);
  return own.join(" ") || text(service) || "value";
};

/** Labels that say the same for every series say nothing in a legend. */
function sharedLabels(series) {
  const [first, ...rest] = series;
  if (!rest.length) return new Set();
  return new Set(Object.keys(first.labels).filter((key) => rest.every((each) => each.labels[key] === first.labels[key])));
}

async function chart(name, field) {
  const wide = span();
  const { first, last, stepS } = windowOf(wide, nowMs() / 1000);
  const answer = await get("/api/range", {
    name, field, points: last - first + 1,
    start_ns: nanoseconds(first * stepS * 1000), end_ns: nanoseconds((last + 1) * stepS * 1000),
  }, "explorer");
  const shared = sharedLabels(answer.series);
  const seen = new Map();
  const lines = answer.series.map((each) => {
    const counts = each.kind === "counter" || field === "count" || field === "sum" || field === "bucket";
    const line = counts ? new RateLine(wide) : new Line(wide);
    line.load(each.times_ns.map((ns) => ns / 1e9), each.values);
    const unit = field === "count" || field === "bucket" ? "" : each.unit;
    const write = writerFor(unit, field === "value" || field === "sum" ? name : "");
    const label = labelsOf(each, shared);
    seen.set(label, (seen.get(label) ?? 0) + 1);
    const unique = seen.get(label) > 1 ? `${label} (${seen.get(label)})` : label;
    return { line, kind: each.kind, label: unique, write: counts ? perSecond(write) : write, rate: counts };
  });
  const latest = (each) => each.line.last.value ?? -Infinity;
  lines.sort((a, b) => latest(b) - latest(a));
  return { name, field, total: lines.length, lines: lines.slice(0, MOST_LINES).map((each, i) => ({ ...each, color: COLORS[i] })) };
}

function Picker({ names, typed, fields, field, find, pick }) {
  return html`<div class="filters" role="group" aria-label="Metric to chart">
    <label class="grow">Metric <input id="metric" list="metric-names" placeholder="start to type a name" autocomplete="off" spellcheck=${false}
      value=${typed.value} onFocus=${() => find(typed.value)}
      onInput=${(event) => {
        typed.value = event.target.value;
        find(typed.value);
        if (names.value.includes(typed.value)) pick(typed.value);
      }}
      onChange=${(event) => pick(event.target.value)} /></label>
    <datalist id="metric-names">${names.value.map((each) => html`<option key=${each} value=${each}></option>`)}</datalist>
    ${fields.value.length > 1 && html`<label>Field <select onChange=${(event) => (field.value = event.target.value)}>
      ${fields.value.map((each) => html`<option key=${each} value=${each} selected=${field.value === each}>${each}</option>`)}</select></label>`}
  </div>`;
}

function Chart({ shown }) {
  const { lines, total, name, field } = shown;
  if (!lines.length) {
    return html`<p class="none">No samples of <code>${name}</code> in this window. Choose a longer one, or another name.</p>`;
  }
  const read = () => {
    const window = windowOf(span(), nowMs() / 1000);
    return { xs: timesOf(window), lines: lines.map((each) => ({ ...each, ys: each.line.values(window.first, window.last) })) };
  };
  const items = lines.map((each) => ({
    ...each,
    value: (moment) => each.write(moment === null ? each.line.last.value : each.line.at(Math.round(moment / each.line.stepS))),
  }));
  const notes = [lines[0].rate && "rate per second", total > lines.length && `the ${lines.length} highest of ${total} series`];
  return html`<article class="panel wide"><header><h3>${name}</h3><span class="note">${notes.filter(Boolean).join(", ")}</span>
    <${ShowQuery} about=${name} queries=${[ofMetric({ name, field, kind: lines[0].kind })]} /></header>
    <${Legend} items=${items} />
    <${Plot} key=${`${name} ${field} ${spanKey.value} ${lines.map((each) => each.label).join()}`} id="explorer" name=${name} write=${lines[0].write} top=${null}
      steps=${lines[0].write(4096).includes("KiB") ? "bytes" : ""} read=${read} /></article>`;
}

export function Explorer() {
  const [names, fields] = [useSignal([]), useSignal([])];
  const [typed, name, field] = [useSignal(""), useSignal(""), useSignal("value")];
  const shown = useSignal(null);
  const find = async (prefix) => {
    const answer = await get("/api/series", { name: prefix }, "names of metrics").catch(() => null);
    if (!answer) return;
    names.value = [...new Set(answer.series.map((each) => each.name))].sort().slice(0, MOST_NAMES);
  };
  const pick = async (wanted) => {
    if (!wanted || wanted === name.value) return;
    typed.value = wanted;
    name.value = wanted;
    const answer = await get("/api/series", { name: wanted }, "names of metrics").catch(() => ({ series: [] }));
    const found = answer.series.filter((each) => each.name === wanted).map((each) => each.field);
    fields.value = [...new Set(found)].sort();
    field.value = fields.value.includes("value") ? "value" : (fields.value.find((each) => each === "count") ?? fields.value[0] ?? "value");
  };
  const turn = paused.value ? 0 : Math.floor(tick.value / REFRESH_BEATS);
  useEffect(() => {
    if (!name.value) return;
    let wanted = true;
    chart(name.value, field.value).then((next) => wanted && (shown.value = next), () => {});
    return () => (wanted = false);
  }, [name.value, field.value, spanKey.value, turn]);
  return html`<section id="explorer" aria-labelledby="h-explorer">
    <header class="bar"><h2 id="h-explorer">Any metric</h2><span class="note">counters and histograms are drawn as rates; <a href="/explore">explore</a> asks more</span></header>
    <${Picker} names=${names} typed=${typed} fields=${fields} field=${field} find=${find} pick=${pick} />
    ${shown.value ? html`<${Chart} shown=${shown.value} />` : html`<p class="none">Choose a metric above, such as${" "}
      <button class="link" onClick=${() => pick("host_load_average")}>host_load_average</button>.</p>`}
  </section>`;
}
