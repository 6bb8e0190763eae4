// The lines of this host: history from /api/range, then live points, by name and labels.
import { gently, get, nanoseconds, nowMs } from "./api.js";
import { Line, RateLine, windowOf } from "./grid.js";
import { span } from "./state.js";

const DRAWN = [
  "host_cpu_busy_ratio",
  "host_memory_used_bytes",
  "host_memory_total_bytes",
  "host_swap_used_bytes",
  "host_swap_total_bytes",
  "host_load_average",
  "host_network_received_bytes_total",
  "host_network_sent_bytes_total",
  "host_disk_read_bytes_total",
  "host_disk_written_bytes_total",
  "host_disk_used_bytes",
  "host_disk_free_bytes",
  "host_disk_used_ratio",
];
const PROCESSES = ["host_process_cpu_ratio", "host_process_memory_bytes"];

export const NAMES = [...DRAWN, ...PROCESSES];
const OWNER = "host";
const LONGEST_LIVE = 4096;

const lines = new Map(DRAWN.map((name) => [name, new Map()]));
const latest = new Map(PROCESSES.map((name) => [name, new Map()]));
let asked = 0;
let isLoaded = false;
let earliestS = Infinity;

const keyOf = (labels) => JSON.stringify(Object.entries(labels).sort());

/** The part of a window that is always shown, however young the samples are. */
const LEAST_SHARE = 1 / 12;

/** The window that charts show now; where the samples are younger than it, it begins with them. */
export function now() {
  const window = windowOf(span(), nowMs() / 1000);
  const least = window.last - Math.ceil((window.last - window.first) * LEAST_SHARE);
  const begins = Math.floor(earliestS / window.stepS);
  return { ...window, first: Math.max(window.first, Math.min(begins, least)) };
}

/** When the samples in the window begin, in seconds; null where they fill it. */
export function begin() {
  const { first, stepS } = windowOf(span(), nowMs() / 1000);
  return Number.isFinite(earliestS) && earliestS > (first + 1) * stepS ? earliestS : null;
}

export const seconds = () => nowMs() / 1000;

/** Lines of a metric: `[{labels, line}]`, in the order of their labels. */
export function of(name) {
  const byLabels = lines.get(name);
  const oldestS = nowMs() / 1000 - span().spanS;
  for (const [key, entry] of byLabels) if (entry.line.last.timeS && entry.line.last.timeS < oldestS) byLabels.delete(key);
  return [...byLabels.values()].sort((a, b) => (keyOf(a.labels) < keyOf(b.labels) ? -1 : 1));
}

/** The last points of a metric of processes: `[{labels, timeS, value}]`. */
export function processes(name) {
  const points = [...latest.get(name).values()];
  const newest = Math.max(...points.map((point) => point.timeS));
  return points.filter((point) => newest - point.timeS < PROCESS_FRESH_S / 2);
}

/** Ask for the whole window again; lines that exist keep their live points. */
export async function load() {
  asked += 1;
  const mine = asked;
  const { first, last, stepS } = windowOf(span(), nowMs() / 1000);
  const query = { start_ns: nanoseconds(first * stepS * 1000), end_ns: nanoseconds(last * stepS * 1000), points: last - first };
  await gently(DRAWN.map((name) => () => loadOne(name, query, mine)));
  if (mine === asked) isLoaded = true;
}

/** Whether what is missing is really not there, and not only on its way. */
export const hasLoaded = () => isLoaded;

/** Another span has other buckets, so every line starts anew. */
export async function respan() {
  for (const byLabels of lines.values()) byLabels.clear();
  earliestS = Infinity;
  isLoaded = false;
  await load();
}

async function loadOne(name, query, mine) {
  const answer = await get("/api/range", { name, ...query }, `history of ${name}`).catch(() => null);
  if (!answer || mine !== asked) return;
  for (const each of answer.series.filter((one) => one.service === OWNER)) {
    const timesS = each.times_ns.map((ns) => ns / 1e9);
    lineFor(name, each.labels).load(timesS, each.values);
    earliestS = Math.min(earliestS, ...timesS.slice(0, 1));
  }
}

function lineFor(name, labels) {
  const byLabels = lines.get(name);
  const key = keyOf(labels);
  let entry = byLabels.get(key);
  if (!entry) {
    if (byLabels.size >= LONGEST_LIVE) byLabels.delete(byLabels.keys().next().value);
    entry = { labels, line: name.endsWith("_total") ? new RateLine(span()) : new Line(span()) };
    byLabels.set(key, entry);
  }
  return entry.line;
}

/** One live point. */
export function take({ name, labels, service, time_ns, value }) {
  if (typeof value !== "number" || service !== OWNER) return;
  const timeS = time_ns / 1e9;
  earliestS = Math.min(earliestS, timeS);
  if (lines.has(name)) lineFor(name, labels).add(timeS, value);
  else if (latest.has(name)) remember(latest.get(name), labels, timeS, value);
}

const PROCESS_FRESH_S = 10;

function remember(byLabels, labels, timeS, value) {
  byLabels.set(keyOf(labels), { labels, timeS, value });
  if (byLabels.size < 200) return;
  for (const [key, point] of byLabels) if (timeS - point.timeS > PROCESS_FRESH_S) byLabels.delete(key);
}
