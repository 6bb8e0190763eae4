// Questions of the view to the hub: Prometheus' interface, and SQL.

const PATIENCE_MS = 130_000;

/** What the hub answered instead of data: its words, their kind, and where in the query the trouble is. */
export class Refused extends Error {
  constructor(message, kind, place = null) {
    super(message);
    this.kind = kind;
    this.place = place;
  }
}

/** The data of a question to Prometheus' interface with its warnings and infos. */
export async function prometheus(path, params, signal) {
  const body = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    for (const each of [value].flat()) if (each !== "" && each != null) body.append(key, each);
  }
  const answer = await send(`/api/v1/${path}`, { method: "POST", body }, signal);
  const said = await readJson(answer);
  if (!answer.ok || said.status !== "success") throw refusal(said, answer.status, params.query);
  return { data: said.data, warnings: said.warnings ?? [], infos: said.infos ?? [] };
}

/** As `prometheus`, for what has only GET. */
export async function read(path, params = {}, signal = undefined) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    for (const each of [value].flat()) if (each !== "" && each != null) query.append(key, each);
  }
  const answer = await send(`/api/v1/${path}?${query}`, {}, signal);
  const said = await readJson(answer);
  if (!answer.ok || said.status !== "success") throw refusal(said, answer.status, params.query);
  return said.data;
}

/** The answer to a statement; `$from` and `$to` in it are the ends of the window. */
export async function sql(text, { startS, endS, limit }, signal) {
  const moments = { from: new Date(startS * 1000).toISOString(), to: new Date(endS * 1000).toISOString() };
  const used = Object.entries(moments).filter(([name]) => new RegExp(`\\$${name}\\b`).test(withoutStrings(text)));
  const body = JSON.stringify({ query: text, limit, ...(used.length && { params: Object.fromEntries(used) }) });
  const answer = await send("/api/sql", { method: "POST", body, headers: { "content-type": "application/json" } }, signal);
  const said = await readJson(answer);
  if (!answer.ok) throw new Refused(said.error?.message ?? unsaid(answer.status), said.error?.code ?? "", sqlPlace(said.error?.message ?? "", text));
  return said;
}

export const withoutStrings = (text) => text.replace(/'(?:[^']|'')*'|--[^\n]*/g, (found) => " ".repeat(found.length));

async function send(address, options, signal) {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  try {
    return await fetch(address, { ...options, signal: signal ? AbortSignal.any([signal, patience]) : patience });
  } catch (error) {
    if (error.name === "TimeoutError") throw new Refused("No answer within two minutes. Ask for a shorter time or fewer series.", "timeout");
    if (error instanceof TypeError) throw new Refused("The hub cannot be reached. Start it with `firstlight up`, then run the query again.", "unreachable");
    throw error;
  }
}

async function readJson(answer) {
  try {
    return await answer.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(unsaid(answer.status), "unreadable");
  }
}

function unsaid(status) {
  if (status === 401) return "The hub wants its token; sign in at /sign-in.";
  return `The hub answered ${status} without a reason; its terminal says why.`;
}

function refusal(said, status, query) {
  const message = typeof said.error === "string" ? said.error : (said.error?.message ?? unsaid(status));
  return new Refused(clean(message), said.errorType ?? "", query === undefined ? null : placeOf(message, query));
}

/** The words after Prometheus' own preface. */
const clean = (message) => message.replace(/^invalid parameter "query": /, "").replace(/^(\d+:\d+: )?parse error: /, "$1");

/** "2:5: parse error" as a place in the text; columns count bytes. */
export function placeOf(message, text) {
  const [, line, column] = /(?:^|[\s(])(\d+):(\d+):/.exec(message) ?? [];
  if (!line) return null;
  const lines = text.split("\n");
  if (Number(line) > lines.length) return null;
  const before = lines.slice(0, Number(line) - 1).join("\n").length + (line > 1 ? 1 : 0);
  return Math.min(text.length, before + charactersOf(lines[line - 1], Number(column) - 1));
}

function charactersOf(line, bytes) {
  const encoded = new TextEncoder().encode(line);
  return new TextDecoder().decode(encoded.slice(0, Math.max(0, bytes))).length;
}

/** DuckDB shows the line and a caret under it; long lines only in part. */
export function sqlPlace(message, text) {
  const [, number, , shown, pointer] = /^LINE (\d+): (\.\.\.)?(.*)\n( *)\^/m.exec(message) ?? [];
  if (!number) return null;
  const lines = text.split("\n");
  const line = lines[number - 1] ?? "";
  const before = lines.slice(0, number - 1).join("\n").length + (number > 1 ? 1 : 0);
  const cut = /^LINE \d+: \.\.\./m.test(message) ? 3 : 0;
  const offset = cut ? line.indexOf(shown.replace(/\.\.\.$/, "").slice(0, 30)) : 0;
  const column = pointer.length - `LINE ${number}: `.length - cut;
  return offset < 0 ? null : Math.min(text.length, before + offset + Math.max(0, column));
}
