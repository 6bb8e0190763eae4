// The stream's life, the heartbeat that draws, and catching up after a break.
import { get, isBehind, learnTime, problem, solved } from "./api.js";
import { batch } from "./ui.js";
import { health, link, lostAtMs, paused, status, tick } from "./state.js";
import * as events from "./events.js";
import * as host from "./host.js";

const BEAT_MS = 1000;
const STATUS_EVERY_BEATS = 5;
const SLEEP_MS = 10_000;
const LONGEST_WAIT_MS = 10_000;

const HIDDEN_MS = 30_000;

let source = null;
let waitMs = 1000;
let again = 0;
let opened = 0;
let hiddenAt = 0;
let beats = 0;
let beatAt = Date.now();

/** Begin: history first, then whatever the stream says. */
export function start() {
  connect();
  catchUp();
  setInterval(beat, BEAT_MS);
  document.addEventListener("visibilitychange", onSight);
  addEventListener("online", reconnect);
}

function beat() {
  const slept = Date.now() - beatAt > SLEEP_MS;
  beatAt = Date.now();
  if (document.hidden) return rest();
  beats += 1;
  if (slept) reconnect();
  if (beats % STATUS_EVERY_BEATS === 0) isBehind() && link.value === "live" ? catchUp() : loadStatus();
  if (!paused.value) requestAnimationFrame(draw);
}

/** A page that nobody sees gives its connection back: browsers allow six to one hub. */
function rest() {
  hiddenAt ||= Date.now();
  if (Date.now() - hiddenAt < HIDDEN_MS || link.value === "resting") return;
  source.close();
  clearTimeout(again);
  link.value = "resting";
}

function onSight() {
  if (document.hidden) return;
  hiddenAt = 0;
  beatAt = Date.now();
  if (link.value === "resting") reconnect();
  if (!paused.value) requestAnimationFrame(draw);
}

export function draw() {
  if (document.hidden) return;
  batch(() => {
    events.flush();
    if (!paused.value) health.value = latestHealth ?? health.value;
    tick.value += 1;
  });
}

export function pause(on) {
  paused.value = on;
  if (on) return;
  events.hold(events.held.value);
  draw();
}

/** Everything that the stream may have left out, asked for again. */
async function catchUp() {
  await Promise.allSettled([loadStatus(), loadHealth(), events.load(), host.load()]);
  if (!paused.value) draw();
}

async function loadStatus() {
  const answer = await get("/api/status", {}, "status").catch(() => null);
  if (!answer) return;
  learnTime(answer.time_ns);
  if (!paused.value) status.value = answer;
}

let latestHealth = null;

async function loadHealth() {
  latestHealth = (await get("/api/health", {}, "health").catch(() => null)) ?? latestHealth;
  health.value ??= latestHealth;
}

function connect() {
  clearTimeout(again);
  const query = new URLSearchParams({ events: "1", health: "1", names: host.NAMES.join(",") });
  source = new EventSource(`/api/stream?${query}`);
  source.onopen = onOpen;
  source.onerror = onError;
  listen("samples", (data) => data.points.forEach(host.take));
  listen("events", (data) => data.events.forEach(events.take));
  listen("health", (data) => {
    latestHealth = data;
  });
}

function listen(name, take) {
  source.addEventListener(name, (message) => {
    try {
      take(JSON.parse(message.data));
      solved(`stream ${name}`);
    } catch (error) {
      problem(`stream ${name}`, `a message could not be read: ${error.message}`);
    }
  });
}

function onOpen() {
  waitMs = 1000;
  link.value = "live";
  opened += 1;
  if (opened > 1) catchUp();
}

function onError() {
  if (link.value !== "reconnecting") lostAtMs.value = Date.now();
  link.value = "reconnecting";
  if (source.readyState !== EventSource.CLOSED) return;
  clearTimeout(again);
  again = setTimeout(connect, waitMs);
  waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
}

function reconnect() {
  source.close();
  link.value = "connecting";
  connect();
}
