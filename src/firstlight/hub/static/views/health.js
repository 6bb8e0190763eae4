// Is this machine well?  The answer, the score and what it is made of.
import { html, text, useSignal } from "../ui.js";
import { ago, clock, score as writeScore } from "../format.js";
import { nowMs } from "../api.js";
import { health, link, tick } from "../state.js";
import { ofPart } from "../panel_queries.js";
import { ShowQuery } from "./show_query.js";

const ANSWERS = {
  optimal: "This machine is very well.",
  healthy: "This machine is well.",
  degraded: "This machine is struggling.",
  critical: "This machine is in trouble.",
  unknown: "Not enough is known yet.",
};
const SHAPES = { optimal: "●", healthy: "●", degraded: "▲", critical: "■", unknown: "○" };
const BANDS = [
  { state: "critical", from: 0, to: 0.3 },
  { state: "degraded", from: 0.3, to: 0.6 },
  { state: "healthy", from: 0.6, to: 0.9 },
  { state: "optimal", from: 0.9, to: 1 },
];

export const stateOf = (score) =>
  score == null ? "unknown" : (BANDS.findLast((band) => score >= band.from)?.state ?? "critical");

export function State({ state }) {
  const known = state in SHAPES ? state : "unknown";
  return html`<span class=${`state ${known}`}><i aria-hidden="true">${SHAPES[known]}</i> ${known}</span>`;
}

function weakest(parts) {
  const scored = parts.filter((part) => part.score != null && part.weight > 0);
  if (!scored.length) return null;
  return scored.reduce((a, b) => (b.score < a.score ? b : a));
}

/** The lowest part, followed down into its subsystem: [names on the way, part]. */
function lowest(report) {
  const top = weakest(report.overall.parts);
  const inner = top && weakest(report.subsystems[top.name]?.parts ?? []);
  return inner ? [`${text(inner.name)} (${text(top.name)})`, inner] : top && [text(top.name), top];
}

const AT_ITS_BEST = 0.995;

/** The sentence under the answer: what pulls the score down, or what is missing. */
function because(report) {
  const found = lowest(report);
  if (!found) return "No part has a score: no samples have come in, or what they judge is not measured here.";
  const [name, part] = found;
  if (part.score >= AT_ITS_BEST) return "Nothing pulls it down: every part that is known is at its best.";
  const said = text(part.evidence);
  const about = [name, WITH_SOURCE.exec(said)?.[1] ?? said].filter(Boolean).join(": ");
  return stateOf(part.score) === "optimal" ? `Nothing pulls it down. Lowest is ${about}.` : `What pulls it down most is ${about}.`;
}

const STALE_S = 30;

/** Said when the assessment is not of now. */
function AsOf({ report }) {
  const silentS = (nowMs() - report.time_ns / 1e6) / 1000;
  if (silentS < STALE_S && link.value === "live") return null;
  return html`<p class="as-of">As assessed at ${clock(report.time_ns / 1e9)}, ${ago(silentS)}.</p>`;
}

function Scale({ score }) {
  return html`<div class="scale" aria-hidden="true">
    ${BANDS.map((band) => html`<span key=${band.state} class=${`band ${band.state}`} style=${{ flexGrow: String(band.to - band.from) }}></span>`)}
    ${[0, 0.3, 0.6, 0.9, 1].map((at) => html`<small key=${at} style=${{ left: `${at * 100}%` }}>${at}</small>`)}
    ${score != null && html`<span class="needle" style=${{ left: `${score * 100}%` }}></span>`}
  </div>`;
}

function Bar({ score }) {
  const state = stateOf(score);
  return html`<span class=${`track ${state}`} aria-hidden="true">
    ${score != null && html`<span class="fill" style=${{ width: `${score * 100}%` }}></span>`}
  </span>`;
}

const WITH_SOURCE = /^(.*\S)\s+(\([^()]*\))$/s;

/** The sentence, and apart from it where its figure comes from. */
function Evidence({ said }) {
  const [, sentence, origin] = WITH_SOURCE.exec(said) ?? [null, said, ""];
  return html`<span class="evidence">${sentence || "no evidence was given"} ${origin && html`<small class="note">${origin}</small>`}</span>`;
}

function Facts({ part }) {
  return html`<${Bar} score=${part.score} />
    <span class="score">${part.score == null ? "unknown" : writeScore(part.score)}</span>
    <span class="weight">weight ${Number(part.weight).toLocaleString("en", { maximumFractionDigits: 2 })}</span>
    <${Evidence} said=${text(part.evidence)} />`;
}

/** The inner parts at a glance, while they are folded. */
function Glance({ inner }) {
  return html`<ul class="glance" aria-hidden="true">${inner.map(
    (each) => html`<li key=${text(each.name)} class=${`state ${stateOf(each.score)}`}><i>${SHAPES[stateOf(each.score)]}</i> <span>${text(each.name)}</span></li>`,
  )}</ul>`;
}

function Source({ name, statement }) {
  const asked = ofPart(statement);
  return html`<pre class="source" tabindex="0" aria-label=${`query behind ${name}`}>${statement}${asked && html`
<${ShowQuery} about=${name} queries=${[asked.query]} window=${asked.window} />`}</pre>`;
}

function Part({ part, inner = [] }) {
  const open = useSignal(false);
  const name = text(part.name);
  const more = inner.length
    ? html`<ul class="parts inner">${inner.map((each) => html`<${Part} key=${text(each.name)} part=${each} />`)}</ul>`
    : html`<${Source} name=${name} statement=${text(part.source)} />`;
  const foldable = inner.length > 0 || text(part.source) !== "";
  return html`<li class="part" data-part=${name} data-score=${part.score ?? "unknown"}>
    ${
      foldable
        ? html`<button class="name" aria-expanded=${open.value} onClick=${() => (open.value = !open.value)}>
            <i class="turn" aria-hidden="true">›</i>${name}</button>`
        : html`<span class="name">${name}</span>`
    }
    <${Facts} part=${part} />
    ${open.value ? more : inner.length > 0 && html`<${Glance} inner=${inner} />`}
  </li>`;
}

/** Parts of the whole; subsystems that are not among them follow, so that nothing known is left out. */
function rowsOf(report) {
  const { parts } = report.overall;
  const named = new Set(parts.map((part) => part.name));
  const others = Object.entries(report.subsystems).filter(([name]) => !named.has(name));
  return [
    ...parts.map((part) => ({ part, inner: report.subsystems[part.name]?.parts })),
    ...others.map(([name, each]) => ({
      part: { name, score: each.score, weight: 0, evidence: `subsystem, ${each.state}; made of ${each.parts.length} parts` },
      inner: each.parts,
    })),
  ];
}

const SCORES = { language: "promql", text: "firstlight_health_ratio" };

export function HealthView() {
  tick.value;
  const report = health.value;
  if (!report) {
    return html`<section id="health" aria-labelledby="h-health"><h1 id="h-health">Is this machine well?</h1>
      <p class="lead">The hub has not answered yet.</p></section>`;
  }
  const { score, state, parts } = report.overall;
  return html`<section id="health" aria-labelledby="h-health" data-state=${state}>
    <div class="verdict">
      <h1 id="h-health">${ANSWERS[state] ?? ANSWERS.unknown}</h1>
      <p class="whole"><span class="score">${writeScore(score)}</span> <${State} state=${state} /></p>
      <${Scale} score=${score} />
      <${AsOf} report=${report} />
      <p class="lead">${because(report).replace(/\.\.$/, ".")}</p>
    </div>
    <div class="made">
      <header class="bar"><h2>What the score is made of</h2>
        <${ShowQuery} about="the score" queries=${[SCORES]} /></header>
      <ul class="parts">${rowsOf(report).map(({ part, inner }) => html`<${Part} key=${text(part.name)} part=${part} inner=${inner} />`)}</ul>
      ${parts.length === 0 && html`<p class="none">No parts yet. The first ones appear a few seconds after the hub started.</p>`}
    </div>
  </section>`;
}
