// What the hub knows of metrics and labels, remembered for a little while.
import { read } from "./ask.js";

const FRESH_MS = 60_000;
const MOST_SERIES = 5_000;
const MOST_VALUES = 2_000;
const answers = new Map();

/** The answer of a question, asked again only when it is old; a failure is not kept. */
function remembered(key, ask) {
  const had = answers.get(key);
  if (had && performance.now() - had.at < FRESH_MS) return had.answer;
  const answer = ask().catch((error) => {
    answers.delete(key);
    throw error;
  });
  answers.set(key, { at: performance.now(), answer });
  if (answers.size > 200) answers.delete(answers.keys().next().value);
  return answer;
}

export const forget = () => answers.clear();

/** `[{name, type, unit, help}]` in the order of names. */
export const metrics = () =>
  remembered("metrics", async () => {
    const [names, facts] = await Promise.all([read("label/__name__/values"), read("metadata").catch(() => ({}))]);
    return names.map((name) => ({ name, ...factsOf(name, facts) }));
  });

const UNITS = { By: "bytes", s: "seconds", ms: "milliseconds", 1: "" };
const unitText = (unit) => (Object.hasOwn(UNITS, unit) ? UNITS[unit] : unit);
const PARTS = /_(?:bucket|sum|count|total|created)$/;

/** Facts are kept by family: of `x_bucket` they stand under `x`. */
function factsOf(name, facts) {
  const family = Object.hasOwn(facts, name) ? name : name.replace(PARTS, "");
  const [found] = (Object.hasOwn(facts, family) && facts[family]) || [];
  const isCount = /_(?:bucket|count)$/.test(name) && family !== name;
  const known = { type: found?.type ?? "", unit: isCount ? "" : unitText(found?.unit ?? ""), help: found?.help ?? "" };
  if (known.type && known.type !== "unknown") return known;
  return { ...known, type: name.endsWith("_total") ? "counter" : name.endsWith("_bucket") ? "histogram" : "" };
}

const NAME = /^[a-zA-Z_:][\w:]*$/;
const LABEL = /^[a-zA-Z_]\w*$/;

/** A selector of a metric and matchers as written. */
export const selector = (metric, matchers = []) =>
  NAME.test(metric) || !metric ? `${metric}{${matchers.join(",")}}` : `{${[JSON.stringify(metric), ...matchers].join(",")}}`;

/** Whether a selector may ask for it; Prometheus wants at least one matcher that is not empty. */
const narrows = (metric, matchers) => metric || matchers.length;

export const labelNames = (metric, matchers = []) =>
  remembered(`labels ${selector(metric, matchers)}`, async () => {
    const names = await read("labels", narrows(metric, matchers) ? { "match[]": selector(metric, matchers) } : {});
    return names.filter((name) => name !== "__name__");
  });

export const labelValues = (label, metric, matchers = []) =>
  remembered(`values ${label} ${selector(metric, matchers)}`, () => {
    const wanted = { limit: MOST_VALUES, ...(narrows(metric, matchers) && { "match[]": selector(metric, matchers) }) };
    return read(`label/${encodeURIComponent(LABEL.test(label) ? label : escaped(label))}/values`, wanted);
  });

/** A name that no address could carry plainly, as Prometheus escapes it. */
const escaped = (name) => `U__${[...name].map((letter) => (/[a-zA-Z0-9]/.test(letter) ? letter : letter === "_" ? "__" : `_${letter.codePointAt(0).toString(16)}_`)).join("")}`;

/** The labels of a metric with values and how many series have each: `{total, truncated, labels: [{name, values}]}`. */
export const labelsOf = (metric) =>
  remembered(`series ${metric}`, async () => {
    const series = await read("series", { "match[]": selector(metric), limit: MOST_SERIES });
    const counts = new Map();
    for (const labels of series) for (const [name, value] of Object.entries(labels)) if (name !== "__name__") count(counts, name, value);
    const labels = [...counts].map(([name, values]) => ({ name, values: [...values].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)) }));
    labels.sort((a, b) => (a.name < b.name ? -1 : 1));
    return { total: series.length, truncated: series.length >= MOST_SERIES, labels };
  });

function count(counts, name, value) {
  if (!counts.has(name)) counts.set(name, new Map());
  const values = counts.get(name);
  values.set(value, (values.get(value) ?? 0) + 1);
}
