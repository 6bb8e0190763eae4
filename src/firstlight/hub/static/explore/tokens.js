// The words of a PromQL text, as far as an editor has to know them.  Pure: no page, no network.
import { AGGREGATIONS, FUNCTIONS } from "./promql_words.js";

const KEYWORDS = new Set(
  "and or unless by without on ignoring group_left group_right offset bool atan2 start end inf nan".split(" "),
);
/** Words that labels in parentheses follow. */
export const GROUPERS = new Set(["by", "without", "on", "ignoring", "group_left", "group_right"]);
const RULES = [
  ["comment", /#[^\n]*/y],
  ["string", /"(?:[^"\\\n]|\\.)*"?|'(?:[^'\\\n]|\\.)*'?|`[^`]*`?/y],
  ["duration", /\d+(?:ms|[smhdwy])(?:\d+(?:ms|[smhdwy]))*(?![\w])/y],
  ["number", /0x[\da-f]+|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?/iy],
  ["word", /[a-zA-Z_][\w:.]*/y],
  ["operator", /=~|!~|!=|==|<=|>=|[-+*/%^<>=@]/y],
  ["bracket", /[()[\]{}]/y],
  ["comma", /[,:]/y],
  ["space", /\s+/y],
];

/** `[{kind, text, start, end}]`: every character of the text in exactly one. */
export function tokenize(text) {
  const tokens = [];
  let at = 0;
  while (at < text.length) {
    const token = next(text, at);
    tokens.push(token);
    at = token.end;
  }
  return named(tokens);
}

function next(text, start) {
  for (const [kind, pattern] of RULES) {
    pattern.lastIndex = start;
    const found = pattern.exec(text)?.[0];
    if (found) return { kind, text: found, start, end: start + found.length };
  }
  return { kind: "other", text: text[start], start, end: start + 1 };
}

/** Words told apart: inside braces and groupings labels, before parentheses functions, else metrics. */
function named(tokens) {
  let [inBraces, inGroup, last] = [false, false, ""];
  for (const [i, token] of tokens.entries()) {
    if (token.text === "{") inBraces = true;
    if (token.text === "(" && GROUPERS.has(last.toLowerCase())) inGroup = true;
    if (token.text === "}") inBraces = false;
    if (token.text === ")") inGroup = false;
    if (token.kind === "word") token.kind = inBraces || inGroup ? "label" : kindOf(token.text, tokens, i);
    if (token.kind !== "space" && token.kind !== "comment") last = token.text;
  }
  return tokens;
}

function kindOf(word, tokens, i) {
  const low = word.toLowerCase();
  const opens = tokens.slice(i + 1).find((each) => each.kind !== "space")?.text === "(";
  if (AGGREGATIONS.has(low)) return "function";
  if (KEYWORDS.has(low)) return "keyword";
  return opens && FUNCTIONS.has(word) ? "function" : "metric";
}

const PAIRS = { "(": ")", "[": "]", "{": "}" };
const OPENERS = { ")": "(", "]": "[", "}": "{" };

/** The places of the bracket beside the caret and of its partner: [] without a bracket, one place without partner. */
export function pairAt(tokens, caret) {
  const brackets = tokens.filter((token) => token.kind === "bracket");
  const at = brackets.findIndex((token) => token.end === caret);
  const from = at >= 0 ? at : brackets.findIndex((token) => token.start === caret);
  if (from < 0) return [];
  const to = partner(brackets, from);
  return to < 0 ? [brackets[from].start] : [brackets[from].start, brackets[to].start];
}

function partner(brackets, from) {
  const own = brackets[from].text;
  const [step, wanted] = own in PAIRS ? [1, PAIRS[own]] : [-1, OPENERS[own]];
  let depth = 0;
  for (let i = from; brackets[i]; i += step) {
    if (brackets[i].text === own) depth += 1;
    if (brackets[i].text === wanted && (depth -= 1) === 0) return i;
  }
  return -1;
}
