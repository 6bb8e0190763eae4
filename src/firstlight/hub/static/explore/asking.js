// One query's answer: asked once a turn, the question before it given up.
import { useEffect, useSignal } from "../ui.js";
import { prometheus, sql } from "./ask.js";
import { place, turn, windowNow } from "./session.js";
import { chosenStep, onSteps } from "./times.js";

export const MOST_SERIES = 1000;
export const MOST_ROWS = 1000;

/** What is asked for, as the hub takes it. */
export function question(query, widthPx) {
  const window = windowNow();
  const stepS = chosenStep(place.value.step, window.endS - window.startS, widthPx);
  if (query.language === "sql") return { path: "sql", window, stepS };
  if (query.show === "table") return { path: "query", window, stepS, params: { query: query.text, time: window.endS, limit: MOST_SERIES } };
  const on = onSteps(window, stepS);
  return { path: "query_range", window: on, stepS, params: { query: query.text, start: on.startS, end: on.endS, step: stepS, limit: MOST_SERIES } };
}

/** The same question as an address. */
export const addressOf = ({ path, params }) => (params ? `/api/v1/${path}?${new URLSearchParams(params)}` : null);

async function answerOf(query, asked, signal) {
  const began = performance.now();
  const answer = asked.params
    ? await prometheus(asked.path, asked.params, signal)
    : { data: await sql(query.text, { ...asked.window, limit: MOST_ROWS }, signal), warnings: [], infos: [] };
  return { ...answer, asked, tookMs: performance.now() - began };
}

/** `{isBusy, answer, error}` of a query; the answer before stays while the next is on its way. */
export function useAnswer(query, widthPx) {
  const state = useSignal({ isBusy: false, answer: null, error: null });
  const { from, to, step } = place.value;
  const kind = query.language === "promql" && query.show === "table" ? "instant" : "range";
  const wanted = query.hidden || !query.text.trim() ? "" : JSON.stringify([query.language, query.text, kind, from, to, step, turn.value]);
  useEffect(() => {
    if (!wanted || !widthPx) {
      state.value = { isBusy: false, answer: null, error: null };
      return undefined;
    }
    const stop = new AbortController();
    state.value = { ...state.peek(), isBusy: true };
    answerOf(query, question(query, widthPx), stop.signal).then(
      (answer) => !stop.signal.aborted && (state.value = { isBusy: false, answer, error: null }),
      (error) => !stop.signal.aborted && (state.value = { isBusy: false, answer: null, error }),
    );
    return () => stop.abort();
  }, [wanted, widthPx > 0]);
  return state.value;
}
