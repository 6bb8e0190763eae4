// The view's state: it is what the address says, and every change of it goes through the address.
import { nowMs } from "../api.js";
import { batch, signal } from "../ui.js";
import { MOST_QUERIES, newQuery, readPlace, writePlace } from "./place.js";
import { lengthS, momentText, windowOf } from "./times.js";

let number = 0;
const identified = (query) => ({ ...query, id: (number += 1) });

export const place = signal(identifyAll(readPlace(location.hash)));

/** What is written but not run, by the query's number. */
export const drafts = signal(new Map());

/** Counts runs: whoever reads it asks again. */
export const turn = signal(0);

/** The moment under the crosshair of all charts in seconds; null when there is none. */
export const moment = signal(null);

/** The query that the metric browser writes into. */
export const focused = signal(place.value.queries[0].id);

/** The moment that counts as now, taken once a turn so that all queries see the same window. */
export const nowS = signal(nowMs() / 1000);

/** Queries keep their number where an address goes on with them, so that their editors and charts stay. */
function identifyAll(next, before = []) {
  const queries = next.queries.map((query, i) => {
    const had = before[i];
    return had && had.language === query.language ? { ...query, id: had.id } : identified(query);
  });
  return { ...next, queries };
}

export const windowNow = () => windowOf(place.value, nowS.value);

/** Change the state; each change is a step of the browser's history unless `quietly`. */
export function go(changes, quietly = false) {
  const next = { ...place.value, ...changes };
  const address = writePlace(next);
  if (address !== writePlace(place.value) || location.hash === "") {
    history[quietly ? "replaceState" : "pushState"](null, "", address);
  }
  batch(() => {
    place.value = next;
    if (!next.queries.some((query) => query.id === focused.value)) focused.value = next.queries[0].id;
  });
}

/** Follow the address: back, forward, and links to this same page. */
export function followAddress() {
  const follow = () => {
    if (location.hash === writePlace(place.value)) return;
    batch(() => {
      drafts.value = new Map();
      place.value = identifyAll(readPlace(location.hash), place.value.queries);
      focused.value = place.value.queries[0].id;
      ask();
    });
  };
  addEventListener("popstate", follow);
  addEventListener("hashchange", follow);
}

/** Ask again, with now as it is now. */
export function ask() {
  batch(() => {
    nowS.value = nowMs() / 1000;
    turn.value += 1;
  });
}

export const change = (id, changes, quietly = false) =>
  go({ queries: place.value.queries.map((query) => (query.id === id ? { ...query, ...changes } : query)) }, quietly);

export const written = (query) => drafts.value.get(query.id) ?? query.text;

export function write(id, text) {
  drafts.value = new Map(drafts.value).set(id, text);
}

/** Run everything as it is written. */
export function run() {
  const queries = place.value.queries.map((query) => ({ ...query, text: written(query), only: written(query) === query.text ? query.only : [] }));
  batch(() => {
    drafts.value = new Map();
    go({ queries });
    ask();
  });
}

export function add(language = "promql", text = "") {
  const { queries } = place.value;
  if (queries.length >= MOST_QUERIES) return null;
  const added = identified(newQuery(language, text));
  go({ queries: [...queries, added] });
  focused.value = added.id;
  return added.id;
}

export function duplicate(id) {
  const { queries } = place.value;
  const at = queries.findIndex((query) => query.id === id);
  if (at < 0 || queries.length >= MOST_QUERIES) return;
  go({ queries: queries.toSpliced(at + 1, 0, identified({ ...queries[at], text: written(queries[at]) })) });
}

export function remove(id) {
  const rest = place.value.queries.filter((query) => query.id !== id);
  go({ queries: rest.length ? rest : [identified(newQuery())] });
}

/** Another language begins anew: what is written in the one says nothing in the other. */
export function translate(id, language, text) {
  const next = place.value.queries.map((query) => (query.id === id ? identified({ ...newQuery(language, text), hidden: query.hidden }) : query));
  const at = place.value.queries.findIndex((query) => query.id === id);
  go({ queries: next });
  focused.value = next[at].id;
}

export const lookBack = (from) => {
  batch(() => {
    go({ from, to: "" });
    ask();
  });
};

export const lookAt = ({ startS, endS }) => {
  batch(() => {
    go({ from: momentText(startS), to: momentText(endS) });
    ask();
  });
};

/** Milliseconds between two runs by themselves; 0 for never. */
export const everyMs = () => (lengthS(place.value.every) ?? 0) * 1000;
