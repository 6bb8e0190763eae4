// Is this machine well?  The answer, the score and what it is made of.
import { html, text, useSignal } from "../ui.js";
import { ago, clock, score as writeScore } from "../format.js";
import { nowMs } from "../api.js";
import { health, link, tick } from "../state.js";

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

/** The sentence under the answer: what pulls the score down, or what is missing. */
function because(report) {
  const found = lowest(report);
  if (!found) return "No part has a score: no samples have come in, or what they judge is not measured here.";
  const [name, part] = found;
  const about = [name, text(part.evidence)].filter(Boolean).join(": ");
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

function Part({ part, inner }) {
  const open = useSignal(false);
  const name = text(part.name);
  const facts = html`<${Bar} score=${part.score} />
    <span class="score">${part.score == null ? "unknown" : writeScore(part.score)}</span>
    <span class="weight">weight ${Number(part.weight).toLocaleString("en", { maximumFractionDigits: 2 })}</span>
    <span class="evidence">${text(part.evidence) || "no evidence was given"}</span>`;
  if (!inner?.length) return html`<li class="part" data-part=${name}><span class="name">${name}</span>${facts}</li>`;
  return html`<li class="part" data-part=${name}>
    <button class="name" aria-expanded=${open.value} onClick=${() => (open.value = !open.value)}>
      <i class="turn" aria-hidden="true">›</i>${name}</button>${facts}
    ${open.value && html`<ul class="parts inner">${inner.map((each) => html`<${Part} key=${text(each.name)} part=${each} />`)}</ul>`}
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
      <h2>What the score is made of</h2>
      <ul class="parts">${rowsOf(report).map(({ part, inner }) => html`<${Part} key=${text(part.name)} part=${part} inner=${inner} />`)}</ul>
      ${parts.length === 0 && html`<p class="none">No parts yet. The first ones appear a few seconds after the hub started.</p>`}
    </div>
  </section>`;
}
