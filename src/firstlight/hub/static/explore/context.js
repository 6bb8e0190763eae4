// What may stand at the caret of a PromQL text.  Pure: no page, no network.
import { GROUPERS, tokenize } from "./tokens.js";
import { AGGREGATIONS } from "./promql_words.js";

const MATCHERS = new Set(["=", "!=", "=~", "!~"]);
const solid = (token) => token.kind !== "space" && token.kind !== "comment";

/**
 * `{place, start, end, typed, metric, label, matchers}`: the place is "labels", "matcher", "value", "grouping", "range",
 * "expression", "after" (an operand) or "none"; start and end are what a choice replaces.
 */
export function contextAt(text, caret) {
  const all = tokenize(text);
  const at = all.find((token) => token.start < caret && caret <= token.end);
  if (at && (at.kind === "comment" || (at.kind === "string" && isClosed(at) && caret === at.end))) return none(caret);
  const isTyping = at && ["label", "metric", "keyword", "function", "string", "duration", "number"].includes(at.kind);
  const start = isTyping ? at.start : caret;
  const before = all.filter((token) => token.end <= start && solid(token));
  const typed = text.slice(start, caret);
  const end = isTyping ? endOf(at, text, caret) : caret;
  return { start, end, typed, ...placeOf(before, all.filter(solid), at, start) };
}

const none = (caret) => ({ place: "none", start: caret, end: caret, typed: "" });
const isClosed = ({ text }) => text.length > 1 && text.at(-1) === text[0];

/** A string that is still open runs to the end of the line; only its word is replaced. */
function endOf(token, text, caret) {
  if (token.kind !== "string" || isClosed(token)) return token.end;
  const rest = /^[^,}\s]*/.exec(text.slice(caret))[0];
  return caret + rest.length;
}

function placeOf(before, all, at, start) {
  const open = openedBy(before);
  if (open?.token.text === "{") return inBraces(before, open.index, at);
  if (open?.token.text === "[") return { place: "range" };
  const ahead = open && before[open.index - 1];
  if (open?.token.text === "(" && ahead && GROUPERS.has(ahead.text.toLowerCase())) {
    return { place: "grouping", metric: nearMetric(before, all, start), matchers: [] };
  }
  if (at?.kind === "string" || at?.kind === "number" || at?.kind === "duration") return { place: "none" };
  return { place: endsOperand(before) ? "after" : "expression" };
}

function openedBy(before) {
  const open = [];
  for (const [index, token] of before.entries()) {
    if (token.kind !== "bracket") continue;
    if ("([{".includes(token.text)) open.push({ token, index });
    else open.pop();
  }
  return open.at(-1) ?? null;
}

function inBraces(before, index, at) {
  const inner = before.slice(index + 1);
  const named = before[index - 1];
  const found = {
    metric: named?.kind === "metric" || named?.kind === "function" ? named.text : "",
    matchers: matchersOf(inner),
  };
  const last = inner.at(-1);
  if (last && MATCHERS.has(last.text)) return { ...found, place: "value", label: inner.at(-2)?.text ?? "" };
  if (at?.kind === "string") return { place: "none" };
  if (last?.kind === "label") return { ...found, place: "matcher" };
  return last && last.text !== "," ? { place: "none" } : { ...found, place: "labels" };
}

/** The matchers that are whole, as written. */
function matchersOf(inner) {
  const whole = [];
  for (const [i, token] of inner.entries()) {
    if (token.kind === "string" && isClosed(token) && MATCHERS.has(inner[i - 1]?.text)) {
      whole.push(`${inner[i - 2]?.text ?? ""}${inner[i - 1].text}${token.text}`);
    }
  }
  return whole;
}

/** The metric that a grouping is about: the next one after it, else the last one before. */
function nearMetric(before, all, start) {
  const after = all.filter((token) => token.start > start);
  const aggregates = before.some((token) => AGGREGATIONS.has(token.text));
  const next = aggregates ? after.find((token) => token.kind === "metric") : null;
  return (next ?? before.findLast((token) => token.kind === "metric"))?.text ?? "";
}

function endsOperand(before) {
  const last = before.at(-1);
  if (!last) return false;
  if (last.kind === "bracket") return ")]}".includes(last.text);
  return ["metric", "number", "string", "duration"].includes(last.kind);
}
