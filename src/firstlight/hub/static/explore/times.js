// Stretches of time: what is asked for, what is drawn, how wide a step is.  Pure: no page, no network.

const UNITS_S = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86400, w: 604800, y: 31536000 };
const ONE = /(\d+(?:\.\d+)?)(ms|[smhdwy])/g;
const WHOLE = /^(?:\d+(?:\.\d+)?(?:ms|[smhdwy]))+$/;

export const RELATIVE = ["15m", "1h", "6h", "1d", "7d"];
export const EVERY = ["5s", "10s", "30s", "1m", "5m"];
export const NICE_S = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800,
];
const MOST_POINTS = 11_000;
const PIXELS_A_POINT = 2.5;
const SHORTEST_S = 1;
const LONGEST_WAIT_S = 60;
const LONGEST_S = 100 * UNITS_S.y;

/** Seconds of "1h30m", null where it is no length of time. */
export function lengthS(text) {
  const trimmed = String(text).trim();
  if (!WHOLE.test(trimmed)) return null;
  let seconds = 0;
  for (const [, figure, unit] of trimmed.matchAll(ONE)) seconds += Number(figure) * UNITS_S[unit];
  return seconds > 0 && seconds <= LONGEST_S ? seconds : null;
}

/** Seconds as a length that both we and PromQL read. */
export function lengthText(seconds) {
  const units = [["d", 86400], ["h", 3600], ["m", 60], ["s", 1]];
  let rest = Math.round(seconds * 1000);
  let out = "";
  for (const [unit, width] of units) {
    const figure = Math.floor(rest / (width * 1000));
    if (figure) out += `${figure}${unit}`;
    rest -= figure * width * 1000;
  }
  return (rest ? `${out}${rest}ms` : out) || "0s";
}

/** A moment as the address has it, in seconds; null where it is none. */
export function momentS(text) {
  const ms = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text);
  return Number.isFinite(ms) ? ms / 1000 : null;
}

export const momentText = (seconds) => new Date(Math.round(seconds * 1000)).toISOString();

/** Start and end in seconds of what a place asks for; now ends it unless it says otherwise. */
export function windowOf({ from, to }, nowS) {
  const endS = to ? momentS(to) : nowS;
  const spanS = lengthS(from);
  const startS = spanS === null ? momentS(from) : endS - spanS;
  if (startS === null || endS === null || !(endS > startS)) return { startS: nowS - 3600, endS: nowS, isWrong: true };
  return { startS, endS };
}

export const isRelative = ({ from, to }) => !to && lengthS(from) !== null;

/** The least even step that gives at most a point each few pixels. */
export function stepFor(spanS, widthPx) {
  const leastS = Math.max(SHORTEST_S, spanS / Math.max(50, widthPx / PIXELS_A_POINT));
  return NICE_S.find((each) => each >= leastS) ?? Math.ceil(leastS / 604800) * 604800;
}

/** The step that is used: the one that was set, no shorter than what the hub answers. */
export function chosenStep(step, spanS, widthPx) {
  const set = lengthS(step);
  return set === null ? stepFor(spanS, widthPx) : Math.max(set, Math.ceil((spanS / (MOST_POINTS - 1)) * 1000) / 1000);
}

/**
 * Start and end on multiples of the step, so that a window that moves shows the same points again.  Where a step is long
 * the last point stays at the end: nobody wants to wait an hour for what is new.
 */
export function onSteps({ startS, endS }, stepS) {
  if (stepS > LONGEST_WAIT_S) return { startS: endS - Math.floor((endS - startS) / stepS + 1e-9) * stepS, endS };
  const end = Math.floor(endS / stepS) * stepS;
  return { startS: Math.min(end, Math.ceil(startS / stepS) * stepS), endS: end };
}

/** The stretch `factor` times as wide around the same middle, not beyond now. */
export function widened({ startS, endS }, factor, nowS) {
  const half = ((endS - startS) * factor) / 2;
  const middle = (startS + endS) / 2;
  const end = Math.min(nowS, middle + half);
  return { startS: end - 2 * half, endS: end };
}

/** The stretch before or after, by half its width. */
export function moved({ startS, endS }, halves, nowS) {
  const by = Math.min(((endS - startS) / 2) * halves, nowS - endS);
  return { startS: startS + by, endS: endS + by };
}
