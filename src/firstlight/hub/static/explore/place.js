// A state of the view as the part of an address behind "#", and back.  Pure: no page, no network.
//
// #from=6h&step=30s&every=10s&promql=up&show=table&sql=select 1&hidden=1
// What stands behind a query belongs to it, so a link can be written by hand.

export const SHOWS = ["chart", "table", "json"];
export const DRAWS = ["lines", "stacked", "points"];
export const MOST_QUERIES = 12;
const LANGUAGES = ["promql", "sql"];

export const newQuery = (language = "promql", text = "") => ({
  language, text, hidden: false, show: language === "sql" ? "table" : "chart", draw: "lines", only: [],
});

export const START = { from: "1h", to: "", step: "", every: "", metric: "", queries: [newQuery()] };

/** The state that an address says; what it does not say, or says wrongly, is as at the start. */
export function readPlace(hash) {
  const place = { ...START, queries: [] };
  for (const [key, value] of new URLSearchParams(hash.replace(/^#/, ""))) {
    if (LANGUAGES.includes(key)) {
      if (place.queries.length < MOST_QUERIES) place.queries.push(newQuery(key, value));
    } else if (["from", "to", "step", "every", "metric"].includes(key)) place[key] = value;
    else if (place.queries.length) readOption(place.queries.at(-1), key, value);
  }
  if (!place.queries.length) place.queries = [newQuery()];
  return place;
}

function readOption(query, key, value) {
  if (key === "show" && SHOWS.includes(value)) query.show = value;
  if (key === "draw" && DRAWS.includes(value)) query.draw = value;
  if (key === "hidden") query.hidden = value === "1";
  if (key === "only") query.only = [...query.only, value];
}

export function writePlace(place) {
  const pairs = [];
  for (const key of ["from", "to", "step", "every", "metric"]) if (place[key]) pairs.push([key, place[key]]);
  for (const query of place.queries) {
    const usual = newQuery(query.language);
    pairs.push([query.language, query.text]);
    if (query.show !== usual.show) pairs.push(["show", query.show]);
    if (query.draw !== usual.draw) pairs.push(["draw", query.draw]);
    if (query.hidden) pairs.push(["hidden", "1"]);
    for (const each of query.only) pairs.push(["only", each]);
  }
  return `#${new URLSearchParams(pairs)}`;
}

/** The address that shows queries, each `{language, text, show, …}`, over a stretch of time. */
export const linkTo = (queries, { from = START.from, to = "" } = {}) =>
  `/explore${writePlace({ ...START, from, to, queries: queries.map(({ language, text, ...rest }) => ({ ...newQuery(language, text), ...rest })) })}`;
