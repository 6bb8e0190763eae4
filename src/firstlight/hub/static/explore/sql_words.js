// The words of SQL that an editor has to know, and the tables of the lake.
import { best } from "./ranking.js";

const KEYWORDS = (
  "select from where group by all order limit having as and or not in is null like ilike between case when then else end " +
  "join left right inner full outer on using with union distinct asc desc filter over partition interval describe show " +
  "summarize explain values cast exists nulls first last offset true false qualify"
).split(" ");

export const TABLES = {
  metrics: "time time_ns name value field labels service session_id scope kind unit series_id",
  series: "series_id name field labels service session_id scope kind unit description",
  samples: "time time_ns series_id value",
  events: "time time_ns level level_number subsystem component name body attributes trace_id span_id service session_id host pid resource",
  spans:
    "time time_ns end_ns duration_ns name kind status status_message trace_id span_id parent_id subsystem component " +
    "attributes events links service session_id host pid resource",
  exponential_histograms:
    "time time_ns name field labels service session_id scope kind unit count sum scale zero_count zero_threshold " +
    "positive_offset positive negative_offset negative min max bounds series_id",
};

const FUNCTIONS = {
  "time_bucket": "(width interval, time) the beginning of the stretch that a time lies in",
  "count": "(*) how many rows",
  "avg": "(column) mean",
  "sum": "(column) sum",
  "min": "(column) least",
  "max": "(column) greatest",
  "median": "(column) median",
  "quantile_cont": "(column, share) quantile, between two values",
  "approx_count_distinct": "(column) about how many different values",
  "any_value": "(column) one of the values",
  "arg_max": "(column, by) the value where another is greatest",
  "date_trunc": "(part text, time) rounded down to the hour, day …",
  "now": "() this moment",
  "coalesce": "(a, b, …) the first that is not null",
  "round": "(number, digits) rounded",
  "regexp_matches": "(text, pattern) whether the pattern is found",
  "strftime": "(time, format) a time as text",
};

const RULES = [
  ["comment", /--[^\n]*|\/\*[^]*?(?:\*\/|$)/y],
  ["string", /'(?:[^']|'')*'?/y],
  ["label", /"(?:[^"]|"")*"?|\$\w+/y],
  ["number", /\d+(?:\.\d+)?/y],
  ["word", /[a-z_]\w*/iy],
  ["bracket", /[()[\]{}]/y],
  ["operator", /[-+*/%<>=!|:,.;]+/y],
  ["space", /\s+/y],
];
const known = new Set(KEYWORDS);

export function tokenizeSql(text) {
  const tokens = [];
  for (let at = 0; at < text.length; at = tokens.at(-1).end) tokens.push(next(text, at));
  for (const token of tokens) {
    if (token.kind === "word") token.kind = kindOf(token.text.toLowerCase());
  }
  return tokens;
}

function next(text, start) {
  for (const [kind, pattern] of RULES) {
    pattern.lastIndex = start;
    const found = pattern.exec(text)?.[0];
    if (found) return { kind, text: found, start, end: start + found.length };
  }
  return { kind: "other", text: text[start], start, end: start + 1 };
}

function kindOf(word) {
  if (known.has(word)) return "keyword";
  if (word in TABLES) return "metric";
  return word in FUNCTIONS ? "function" : "name";
}

/** What may come at the caret: tables after FROM, else columns of the tables that are named, functions, keywords. */
export async function suggestSql(text, caret) {
  const tokens = tokenizeSql(text);
  const at = tokens.find((token) => token.start < caret && caret <= token.end);
  if (at && (at.kind === "comment" || at.kind === "string")) return { start: caret, end: caret, offers: [] };
  const isTyping = at && ["keyword", "metric", "function", "name", "label"].includes(at.kind);
  const start = isTyping ? at.start : caret;
  const typed = text.slice(start, caret);
  if (!typed) return { start, end: caret, offers: [] };
  const before = tokens.findLast((token) => token.end <= start && token.kind !== "space")?.text.toLowerCase();
  return { start, end: at.end, offers: best(before === "from" || before === "join" ? tables() : words(tokens), typed) };
}

const tables = () => Object.entries(TABLES).map(([text, columns]) => ({ text, kind: "table", detail: "table", help: columns.replaceAll(" ", ", ") }));

function words(tokens) {
  const named = Object.keys(TABLES).filter((table) => tokens.some((token) => token.text.toLowerCase() === table));
  const columns = new Map((named.length ? named : Object.keys(TABLES)).flatMap((table) => TABLES[table].split(" ").map((column) => [column, table])));
  const moments = [["$from", "beginning of the chosen time"], ["$to", "end of the chosen time"]];
  return [
    ...[...columns].map(([text, table]) => ({ text, kind: "column", detail: `of ${table}` })),
    ...Object.entries(FUNCTIONS).map(([text, said]) => {
      const [, detail, help] = /^(\(.*?\)) (.*)$/.exec(said);
      return { text, kind: "function", detail, help, insert: `${text}()`, back: detail === "()" ? 0 : 1 };
    }),
    ...moments.map(([text, detail]) => ({ text, kind: "label", detail })),
    ...tables(),
    ...KEYWORDS.map((text) => ({ text, kind: "keyword", detail: "" })),
  ];
}
