// Who is sending, how much, and how to send.
import { html, text, useSignal } from "../ui.js";
import { ago, count, perSecond, whole } from "../format.js";
import { status, tick } from "../state.js";
import { sources as asked } from "../panel_queries.js";
import { ShowQuery } from "./show_query.js";

const SIGNALS = ["events", "spans", "samples"];
const QUIET_S = 60;
const OWN = new Set(["host", "firstlight"]);

const RATE_OVER_S = 4;
const LONGEST_NOTE_S = 30;

let answers = [];
let rates = new Map();

const keyOf = (source) => JSON.stringify([source.service, source.session_id, source.host]);

/** Counts of two answers of the hub some seconds apart, subtracted; a smaller count is a new start. */
function follow(answer) {
  if (answer === answers.at(-1)) return;
  const age = (one) => (answer.time_ns - one.time_ns) / 1e9;
  const before = answers.findLast((one) => age(one) >= RATE_OVER_S);
  answers = [...answers.filter((one) => age(one) < LONGEST_NOTE_S), answer];
  rates = new Map(before && answer.sources.map((source) => [keyOf(source), ratesOf(source, before, age(before))]));
}

function ratesOf(source, before, seconds) {
  const had = before.sources.find((one) => keyOf(one) === keyOf(source))?.signals ?? {};
  const rate = (signal) => Math.max(0, (source.signals[signal] ?? 0) - (had[signal] ?? 0)) / seconds;
  return Object.fromEntries(SIGNALS.map((signal) => [signal, rate(signal)]));
}

function Row({ source, atNs }) {
  const key = keyOf(source);
  const silentS = (atNs - source.last_seen_ns) / 1e9;
  return html`<tr data-service=${text(source.service)}>
    <th scope="row" class="long"><span title=${text(source.service)}>${text(source.service)}</span>
      <small class="note" title=${text(source.session_id)}>${[source.host, text(source.session_id).slice(0, 8)].map(text).filter(Boolean).join(" · ")}</small></th>
    ${SIGNALS.map((signal) => {
      const rate = rates.get(key)?.[signal];
      return html`<td key=${signal} class="figure" data-label=${signal}>${whole(source.signals[signal] ?? 0)}
        <small class="note">${rate ? perSecond(count)(rate) : "\u00a0"}</small></td>`;
    })}
    <td class="figure" data-label="last seen"><span class=${silentS > QUIET_S ? "quiet-source" : ""}>${ago(silentS)}</span></td>
  </tr>`;
}

const SNIPPETS = {
  python: () => `pip install firstlight

import firstlight
firstlight.configure(service="my-service"${location.port === "4318" ? "" : `, endpoint="${location.origin}"`})
firstlight.event("hello", answer=42)
firstlight.counter("orders_total").inc()
with firstlight.span("checkout"):
    ...`,
  opentelemetry: () => `# Any OpenTelemetry SDK, any language; this hub speaks OTLP over HTTP.
export OTEL_SERVICE_NAME=my-service
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
export OTEL_EXPORTER_OTLP_ENDPOINT=${location.origin}

opentelemetry-instrument python app.py`,
  curl: () => `curl ${location.origin}/v1/logs -H 'content-type: application/json' -d '{"resourceLogs":[{
  "resource":{"attributes":[{"key":"service.name","value":{"stringValue":"my-service"}}]},
  "scopeLogs":[{"logRecords":[{"severityNumber":9,"body":{"stringValue":"hello"}}]}]}]}'`,
};

function HowToSend({ open }) {
  const which = useSignal("python");
  return html`<details class="how" open=${open}>
    <summary>How to send data here</summary>
    <div class="choices" role="group" aria-label="With what">
      ${Object.keys(SNIPPETS).map((each) => html`<button key=${each} aria-pressed=${which.value === each} onClick=${() => (which.value = each)}>${each}</button>`)}
    </div>
    <pre tabindex="0" aria-label=${`how to send with ${which.value}`}>${SNIPPETS[which.value]()}</pre>
  </details>`;
}

export function Sources() {
  tick.value;
  const answer = status.value;
  if (answer) follow(answer);
  const sources = [...(answer?.sources ?? [])].sort((a, b) => OWN.has(a.service) - OWN.has(b.service) || (keyOf(a) < keyOf(b) ? -1 : 1));
  const others = sources.filter((source) => !OWN.has(source.service));
  return html`<section id="sources" aria-labelledby="h-sources">
    <header class="bar"><h2 id="h-sources">What is sending data</h2>
      <span class="note">${others.length ? `${others.length} besides the hub itself` : "only the hub itself so far"}</span>
      <${ShowQuery} about="What is sending data" queries=${[asked()]} /></header>
    ${
      sources.length > 0 &&
      html`<table class="sources">
        <thead><tr><th scope="col">service</th>${SIGNALS.map((signal) => html`<th key=${signal} scope="col" class="figure">${signal}</th>`)}<th scope="col" class="figure">last seen</th></tr></thead>
        <tbody>${sources.map((source) => html`<${Row} key=${keyOf(source)} source=${source} atNs=${answer.time_ns} />`)}</tbody>
      </table>`
    }
    <${HowToSend} open=${answer !== null && others.length === 0} />
  </section>`;
}
