// The latest events: a bounded list, newest last, kept true across breaks of the stream.
import { get } from "./api.js";
import { batch, signal } from "./ui.js";
import { paused } from "./state.js";

export const LONGEST = 500;
export const LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "CRITICAL"];

export const list = signal([]);
export const level = signal("TRACE");
export const subsystem = signal("");
export const words = signal("");
export const held = signal(false);
export const waiting = signal(0);
export const subsystems = signal([]);

let fresh = [];
let loading = 0;
let number = 0;
let stale = false;

const numbered = (event) => Object.assign(event, { number: (number += 1) });
const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const sorted = (_, value) => (isObject(value) ? Object.fromEntries(Object.entries(value).sort()) : value);
const fingerprint = (event) => JSON.stringify({ ...event, number: undefined }, sorted);
const wanted = (event) =>
  LEVELS.indexOf(event.level) >= LEVELS.indexOf(level.value) &&
  (subsystem.value === "" || event.subsystem === subsystem.value);

/** One event of the stream; it is shown at the next beat. */
export function take(event) {
  learn([event]);
  if (!wanted(event)) return;
  fresh.push(event);
  if (fresh.length > LONGEST) fresh = fresh.slice(-LONGEST);
}

/** Show what has come since the last beat. */
export function flush() {
  if (loading || !fresh.length) return;
  if (paused.value || held.value) {
    waiting.value = fresh.length;
    return;
  }
  list.value = [...list.value, ...fresh.map(numbered)].sort((a, b) => a.time_ns - b.time_ns).slice(-LONGEST);
  fresh = [];
  waiting.value = 0;
}

/** Hold the list still while it is read, or let it run again. */
export function hold(on) {
  held.value = on;
  if (on) return;
  if (stale) load();
  flush();
}

/** Ask for the newest events under another filter. */
export function choose(which, value) {
  which.value = value;
  fresh = [];
  load(true);
}

/** Ask for the newest events under the filter; what streams in meanwhile is added once, not twice. */
export async function load(evenHeld = false) {
  const isHeld = () => !evenHeld && (paused.value || held.value);
  stale = isHeld();
  if (stale) return;
  loading += 1;
  const query = { level: level.value, subsystem: subsystem.value, limit: LONGEST };
  const answer = await get("/api/events", query, "events").catch(() => null);
  loading -= 1;
  stale = isHeld();
  if (!answer || loading || stale) return;
  const stored = byFingerprint(answer.events);
  fresh = fresh.filter((event) => !stored.get(fingerprint(event))?.pop());
  const had = byFingerprint(list.value);
  batch(() => {
    learn(answer.events);
    list.value = answer.events.map((event) => had.get(fingerprint(event))?.pop() ?? numbered(event));
    flush();
  });
}

/** Events by all that they say; two that say the same are two. */
function byFingerprint(events) {
  const found = new Map();
  for (const event of events) {
    const print = fingerprint(event);
    if (found.has(print)) found.get(print).push(event);
    else found.set(print, [event]);
  }
  return found;
}

const MOST_SUBSYSTEMS = 200;
const known = new Set();

function learn(events) {
  const before = known.size;
  for (const event of events) if (event.subsystem && known.size < MOST_SUBSYSTEMS) known.add(event.subsystem);
  if (known.size > before) subsystems.value = [...known].sort();
}

/** What the text filter leaves of the list, newest first. */
export function shown() {
  const needle = words.value.trim().toLowerCase();
  const hay = (event) =>
    `${event.name} ${event.body} ${event.subsystem}.${event.component} ${event.service} ${event.trace_id} ` +
    JSON.stringify(event.attributes);
  const rows = needle ? list.value.filter((event) => hay(event).toLowerCase().includes(needle)) : list.value;
  return rows.toReversed();
}
