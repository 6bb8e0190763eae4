// What came of one query: a chart, a table or the raw answer, and what the hub says about it.
import { html, useRef, useSignal } from "../ui.js";
import { duration, whole } from "../format.js";
import { addressOf, MOST_ROWS } from "./asking.js";
import { Chart } from "./chart.js";
import { fromMatrix, fromRows, isNumeric, MOST_DRAWN, tableOf } from "./frame.js";
import { Legend } from "./legend.js";
import { change, lookAt, lookBack, nowS, windowNow } from "./session.js";
import { DRAWS, SHOWS } from "./place.js";
import { Table } from "./table.js";
import { widened } from "./times.js";
import { writerOf } from "./writer.js";

const MOST_JSON = 100_000;

function Choice({ label, all, value, choose }) {
  return html`<div class="choices" role="group" aria-label=${label}>
    ${all.map((each) => html`<button key=${each} aria-pressed=${each === value} data-choice=${each} onClick=${() => choose(each)}>${each}</button>`)}</div>`;
}

/** How much came, of what, in which time. */
function Facts({ query, answer, isBusy }) {
  if (isBusy && !answer) return html`<span class="note">asking…</span>`;
  if (!answer) return html`<span class="note"></span>`;
  const { data, tookMs, asked } = answer;
  const many = query.language === "sql" ? `${whole(data.row_count)} rows` : Array.isArray(data.result) && data.resultType !== "scalar" && data.resultType !== "string" ? `${whole(data.result.length)} series` : data.resultType;
  const address = addressOf(asked);
  return html`<span class="note">${isBusy ? "asking again… " : ""}${many} in ${duration(tookMs / 1000)}
    ${address && html` · <a href=${address} target="_blank" rel="noreferrer">as JSON from the hub</a>`}</span>`;
}

function Notes({ answer }) {
  const { data, warnings, infos } = answer;
  const cut = data.truncated && `Only the first ${MOST_ROWS} rows are here; a LIMIT or a GROUP BY asks for fewer.`;
  const said = [...warnings, ...(data.warnings ?? []), ...(cut ? [cut] : [])];
  if (!said.length && !infos.length) return null;
  return html`<ul class="said" role="status">
    ${said.map((each) => html`<li key=${each} class="warning"><b>warning</b> ${each}</li>`)}
    ${infos.map((each) => html`<li key=${each}><b>info</b> ${each}</li>`)}</ul>`;
}

/** What is wrong and what helps. */
function Trouble({ error }) {
  const HELP = {
    timeout: "It took too long. Choose a shorter time, a wider step, or a narrower selector.",
    execution: "The query can be read but not evaluated. What the hub says above names the part to change.",
    canceled: "It was given up. Run it again.",
    bad_data: "The place is marked in the query.",
  };
  const help = error.kind === "bad_data" && error.place === null ? "" : HELP[error.kind];
  return html`<div class="refusal" role="alert"><b>${error.kind === "bad_data" || error.kind === "BAD_QUERY" ? "The query is not understood." : "No answer."}</b>
    <pre>${error.message}</pre>${help && html`<p>${help}</p>`}</div>`;
}

function Nothing({ query }) {
  const wider = () => lookBack("1d");
  return html`<p class="none">No series has samples for this query in the chosen time.
    Look ${html`<button class="link" onClick=${wider}>one day</button>`} back, check the labels in ${"{ }"}, or choose another metric${query.text.includes("[") ? "; a range in [ ] has to hold at least two samples for a rate" : ""}.</p>`;
}

function Drawn({ query, answer, frame }) {
  const near = useSignal(null);
  const write = query.language === "sql" ? writerOf(frame.lines[0]?.labels.__name__ ?? "") : writerOf(query.text);
  const kept = useRef(null);
  if (kept.current?.text !== query.text || kept.current?.frame !== frame) kept.current = { text: query.text, frame, write };
  const known = query.only.filter((name) => frame.lines.some((line) => line.full === name));
  const shownKey = known.join("\n");
  const shown = useRef({ key: null, set: null });
  if (shown.current.key !== shownKey || shown.current.frame !== frame) {
    shown.current = { key: shownKey, frame, set: known.length ? new Set(frame.lines.flatMap((line, i) => (known.includes(line.full) ? [i] : []))) : null };
  }
  const window = query.language === "sql" ? windowNow() : answer.asked.window;
  const kind = query.draw;
  return html`<${Chart} name=${query.text} frame=${frame} window=${window} draw=${kind} shown=${shown.current.set} focus=${near.value}
      write=${kept.current.write} onZoom=${lookAt} onWiden=${() => lookAt(widened(windowNow(), 2, nowS.value))} onNear=${(i) => (near.value = i)} />
    ${frame.total > frame.lines.length && html`<p class="note more" role="status">Drawn are the first ${MOST_DRAWN} of ${frame.total} series. <code>topk(${MOST_DRAWN}, …)</code> or a narrower selector chooses which.</p>`}
    ${frame.natives > 0 && html`<p class="note more" role="status">${frame.natives} series are native histograms; <code>histogram_quantile(0.95, …)</code> or <code>histogram_avg(…)</code> makes lines of them.</p>`}
    <${Legend} frame=${frame} write=${kept.current.write} only=${known} near=${near.value} onNear=${(i) => (near.value = i)} onOnly=${(only) => change(query.id, { only }, true)} />`;
}

/** Columns are made once an answer, not once a redraw. */
function useMade(answer, make) {
  const kept = useRef({ answer: null, made: null });
  if (kept.current.answer !== answer) kept.current = { answer, made: make(answer) };
  return kept.current.made;
}

function ChartOf({ query, answer }) {
  const frame = useMade(answer, ({ data, asked }) => (query.language === "sql" ? fromRows(data) : data.resultType === "matrix" ? fromMatrix(data.result, asked.window, asked.stepS) : null));
  if (!frame) {
    return html`<p class="none">A chart needs ${query.language === "sql" ? "a column of times and one of numbers, such as time_bucket(interval 1 minute, time) and avg(value)" : "numbers over time; this is a text"}. The table shows what came.</p>`;
  }
  if (!frame.lines.length && !frame.natives) return html`<${Nothing} query=${query} />`;
  return html`<${Drawn} query=${query} answer=${answer} frame=${frame} />`;
}

function TableOf({ query, answer }) {
  const table = useMade(answer, ({ data }) =>
    query.language === "sql" ? { columns: data.columns.map(({ name, type }) => ({ name, type, numeric: isNumeric(type) })), rows: data.rows } : data.resultType === "matrix" ? lastOf(data) : tableOf(data));
  if (!table.rows.length) return query.language === "sql" ? html`<p class="none">No rows. Choose a longer time, or ask without a condition.</p>` : html`<${Nothing} query=${query} />`;
  return html`<${Table} columns=${table.columns} rows=${table.rows} label=${`answer to ${query.text}`} />`;
}

/** A chart's answer that is still there while the table's is on its way. */
const lastOf = ({ result }) => tableOf({ resultType: "vector", result: result.map(({ metric, values, histograms }) => ({ metric, value: values?.at(-1), histogram: histograms?.at(-1) })) });

function Raw({ answer }) {
  const said = useMade(answer, ({ data, warnings, infos }) => JSON.stringify({ data, ...(warnings.length && { warnings }), ...(infos.length && { infos }) }, null, 1));
  return html`<pre class="raw" tabindex="0" aria-label="raw answer">${said.slice(0, MOST_JSON)}</pre>
    ${said.length > MOST_JSON && html`<p class="note more">The first ${whole(MOST_JSON)} of ${whole(said.length)} characters.</p>`}`;
}

const VIEWS = { chart: ChartOf, table: TableOf, json: Raw };

export function Outcome({ query, name, state }) {
  const { isBusy, answer, error } = state;
  const View = VIEWS[query.show];
  const fits = answer && (answer.asked.params ? query.language === "promql" : query.language === "sql");
  return html`<section class="outcome" aria-label=${`answer to query ${name}`} aria-busy=${isBusy} data-busy=${isBusy}>
    <header><${Choice} label="show as" all=${SHOWS} value=${query.show} choose=${(show) => change(query.id, { show })} />
      ${query.show === "chart" && html`<${Choice} label="draw" all=${DRAWS} value=${query.draw} choose=${(draw) => change(query.id, { draw })} />`}
      <${Facts} query=${query} answer=${answer} isBusy=${isBusy} /></header>
    ${error && html`<${Trouble} error=${error} />`}
    ${fits && html`<${Notes} answer=${answer} />`}
    ${fits && html`<${View} query=${query} answer=${answer} />`}
  </section>`;
}
