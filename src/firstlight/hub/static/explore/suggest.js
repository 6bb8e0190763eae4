// What is offered at the caret of a PromQL text: `[{text, kind, detail, help, insert, back}]`.
import { AFTER_OPERAND, AGGREGATIONS, DURATIONS, FUNCTIONS, MATCHERS, OF_RANGES } from "./promql_words.js";
import { contextAt } from "./context.js";
import * as known from "./known.js";
import { quoted } from "./quoting.js";
import { best } from "./ranking.js";

/** The offer for a text and a caret, with what a choice replaces; empty where nothing can be said. */
export async function suggest(text, caret) {
  const context = contextAt(text, caret);
  const offers = (await OFFERS[context.place]?.(context)) ?? [];
  const typed = context.place === "value" ? context.typed.replace(/^["'`]/, "") : context.typed;
  return { ...context, offers: best(offers, typed) };
}

const OFFERS = {
  expression: async () => [...(await metrics()), ...functions()],
  after: async () => AFTER_OPERAND.map(([text, help, insert]) => word(text, help, insert)),
  labels: async ({ metric, matchers }) => (await labels(metric, matchers)).map((each) => ({ ...each, insert: `${each.text}=""`, back: 1 })),
  grouping: async ({ metric, matchers }) => labels(metric, matchers),
  matcher: async () => MATCHERS.map(([text, help]) => ({ text, kind: "operator", detail: help, insert: `${text}""`, back: 1 })),
  value: values,
  range: async () => DURATIONS.map((text) => ({ text, kind: "duration", detail: "length of time" })),
};

const word = (text, help, insert) => ({ text, kind: "keyword", detail: help, insert, back: insert?.endsWith("()") ? 1 : 0 });

async function metrics() {
  const found = await known.metrics();
  return found.map(({ name, type, unit, help }) => ({ text: name, kind: "metric", detail: [type, unit].filter(Boolean).join(", "), help }));
}

function functions() {
  const entry = (isAggregation) => ([text, { signature, help }]) => {
    const takes = signature.endsWith("()") ? "" : OF_RANGES.has(text) ? "[5m]" : "";
    return { text, kind: isAggregation ? "aggregation" : "function", detail: signature.slice(text.length), help, insert: `${text}(${takes})`, back: signature.endsWith("()") ? 0 : 1 + takes.length };
  };
  return [...[...AGGREGATIONS].map(entry(true)), ...[...FUNCTIONS].map(entry(false))];
}

async function labels(metric, matchers) {
  return (await known.labelNames(metric, matchers)).map((text) => ({ text, kind: "label", detail: metric && `of ${metric}` }));
}

/** A value takes the place of the string as far as it is written, quotes and all. */
async function values({ metric, label, matchers, typed }) {
  const quote = /^["'`]/.exec(typed)?.[0] ?? '"';
  const found = await known.labelValues(label, metric, matchers);
  return found.map((text) => ({ text, kind: "value", insert: quoted(text, quote) }));
}
