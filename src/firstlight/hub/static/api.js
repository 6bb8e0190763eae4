// The hub's JSON, and what went wrong with it.
import { signal } from "./ui.js";

/** What is wrong now: one line per source of trouble, gone as soon as the same thing works again. */
export const problems = signal(new Map());

export function problem(about, message) {
  if (problems.value.get(about) === message) return;
  problems.value = new Map(problems.value).set(about, message);
}

export function solved(about) {
  if (!problems.value.has(about)) return;
  const rest = new Map(problems.value);
  rest.delete(about);
  problems.value = rest;
}

const failed = new Set();

/** Whether anything that was asked for has not been answered since. */
export const isBehind = () => failed.size > 0;

let serverAheadMs = 0;

/** The hub's time, so that a browser with a wrong clock still draws the last hour. */
export const nowMs = () => Date.now() + serverAheadMs;

export function learnTime(serverNs) {
  const ahead = serverNs / 1e6 - Date.now();
  serverAheadMs = Math.abs(ahead) > 2000 ? ahead : 0;
}

export const nanoseconds = (ms) => `${Math.round(ms)}000000`;

/**
 * The answer of GET path?query.  `about` names the trouble when it fails; the message is the hub's own, which says
 * what to do.
 */
export async function get(path, query = {}, about = path) {
  const address = new URL(path, location.origin);
  for (const [key, value] of Object.entries(query)) if (value !== "" && value != null) address.searchParams.set(key, value);
  try {
    const answer = await fetch(address, { headers: { accept: "application/json" }, signal: AbortSignal.timeout(20_000) });
    const body = await answer.json().catch(() => null);
    solved("hub");
    if (!answer.ok) throw new Error(body?.error?.message ?? refusal(answer.status));
    if (body === null) throw new Error("the hub's answer is not JSON; is something else listening on this port?");
    solved(about);
    failed.delete(about);
    return body;
  } catch (error) {
    failed.add(about);
    problem(error instanceof TypeError ? "hub" : about, reason(error));
    throw error;
  }
}

function refusal(status) {
  if (status === 401) return "the hub wants its token; sign in at /sign-in.";
  return `the hub answered ${status}; its terminal says why.`;
}

function reason(error) {
  if (error.name === "TimeoutError") return "no answer within 20 s; the hub is busy, the page tries again.";
  if (error instanceof TypeError) return "the hub cannot be reached; start it with `firstlight up`. The page tries again.";
  return error.message;
}

/** Run jobs a few at a time, so that one page never takes all of the hub. */
export async function gently(jobs, atOnce = 4) {
  const waiting = [...jobs];
  const worker = async () => {
    while (waiting.length) await waiting.shift()();
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
