// What each panel of the overview shows, as queries.  Pure: no page, no network.
import { quoted } from "./explore/quoting.js";

const promql = (text, rest = {}) => ({ language: "promql", text, ...rest });
const sql = (text, rest = {}) => ({ language: "sql", text, ...rest });
const HOST = 'job="host"';
const MOST_NAMED = 12;

export const ofHost = (name, rest) => promql(`${name}{${HOST}}`, rest);

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** The summed rate of a counter over some devices. */
export function traffic(counter, label, names) {
  const matcher = names.length === 1 ? `${label}=${quoted(names[0])}` : `${label}=~${quoted(names.map(escaped).join("|"))}`;
  const devices = names.length && names.length <= MOST_NAMED ? `, ${matcher}` : "";
  return promql(`sum(rate(${counter}{${HOST}${devices}}[1m]))`);
}

export const processes = (by) =>
  promql(`topk(10, ${by === "cpu" ? "host_process_cpu_ratio" : "host_process_memory_bytes"}{${HOST}})`, { show: "table" });

export const sources = () =>
  sql(
    ["events", "spans", "samples"]
      .map((signal) => `select service, '${signal}' as signal, count(*) as rows, max(time) as last_seen\nfrom ${signal === "samples" ? "metrics" : signal} where time between $from and $to group by service`)
      .join("\nunion all\n") + "\norder by service, signal",
  );

const LEVEL_NUMBERS = { TRACE: 1, DEBUG: 5, INFO: 9, WARN: 13, ERROR: 17, CRITICAL: 21 };
const sqlText = (text) => `'${text.replaceAll("'", "''")}'`;

/** The events under the list's filters. */
export function events({ level, subsystem, words }) {
  const conditions = ["time between $from and $to"];
  if (LEVEL_NUMBERS[level] > 1) conditions.push(`level_number >= ${LEVEL_NUMBERS[level]}`);
  if (subsystem) conditions.push(`subsystem = ${sqlText(subsystem)}`);
  if (words) conditions.push(`contains(lower(concat_ws(' ', name, body, attributes)), ${sqlText(words.toLowerCase())})`);
  return sql(`select time, level, subsystem, component, name, body, attributes\nfrom events\nwhere ${conditions.join("\n  and ")}\norder by time desc\nlimit 500`);
}

const BETWEEN = /\btime_ns BETWEEN (\d+) AND (\d+)/g;

/** A statement of a part of the score: `{query, window}`; its fixed moments become the chosen time. Null if it is none. */
export function ofPart(statement) {
  if (!/^\s*(?:select|with)\b/i.test(statement)) return null;
  const moments = [...statement.matchAll(BETWEEN)].flatMap(([, from, to]) => [BigInt(from), BigInt(to)]);
  const text = statement.replace(BETWEEN, "time BETWEEN $from AND $to");
  if (!moments.length) return { query: sql(statement), window: {} };
  const [from, to] = [moments.reduce((a, b) => (a < b ? a : b)), moments.reduce((a, b) => (a > b ? a : b))];
  const iso = (ns) => new Date(Number(ns / 1_000_000n)).toISOString();
  return { query: sql(text), window: { from: iso(from), to: iso(to) } };
}

/** A metric as PromQL calls it; counters and parts of histograms as rates. */
export function ofMetric({ name, field, kind }) {
  const legal = name.replace(/[^a-zA-Z0-9_:]/g, "_").replace(/^(?=\d)/, "_");
  const suffix = { bucket: "_bucket", sum: "_sum", count: "_count", min: "_min", max: "_max" }[field] ?? "";
  if (suffix) return promql(["_min", "_max"].includes(suffix) ? legal + suffix : `rate(${legal}${suffix}[5m])`);
  return kind === "counter" ? promql(`rate(${legal.replace(/_total$/, "")}_total[5m])`) : promql(legal);
}
