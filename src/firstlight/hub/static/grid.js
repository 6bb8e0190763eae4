// Lines over a window of equally wide buckets.  Pure arithmetic: no page, no network.
//
// A bucket's number is floor(time / step); a line is a ring of as many means as the window has buckets, so memory is
// bounded and a live point costs a few operations.  History is asked for on the same bucket borders.

const GAP_BUCKETS = 2.5;
const RESTART_S = 15;

/** The choices of the page: how far back, and how wide a bucket is so that at most 600 fill a chart. */
export const SPANS = [
  { key: "5m", label: "5 min", spanS: 300, stepS: 1 },
  { key: "15m", label: "15 min", spanS: 900, stepS: 2 },
  { key: "1h", label: "1 h", spanS: 3600, stepS: 6 },
  { key: "6h", label: "6 h", spanS: 21600, stepS: 36 },
];

/** Means per bucket, a ring. */
export class Line {
  constructor(span) {
    this.stepS = span.stepS;
    this.size = Math.ceil(span.spanS / span.stepS) + 2;
    this.bucket = new Float64Array(this.size).fill(-1);
    this.mean = new Float64Array(this.size);
    this.weight = new Uint32Array(this.size);
    this.last = { timeS: 0, value: null };
  }

  /** Whole buckets, from history: they replace what was there. */
  load(timesS, values) {
    timesS.forEach((timeS, i) => values[i] !== null && this.put(timeS, values[i]));
  }

  put(timeS, value) {
    const at = this.#slot(timeS);
    if (at < 0) return;
    this.mean[at] = value;
    this.weight[at] = 1;
    this.#remember(timeS, value);
  }

  /** One live point: it moves its bucket's mean. */
  add(timeS, value) {
    const at = this.#slot(timeS);
    if (at < 0) return;
    this.weight[at] += 1;
    this.mean[at] += (value - this.mean[at]) / this.weight[at];
    this.#remember(timeS, value);
  }

  at(bucket) {
    const at = bucket % this.size;
    return this.bucket[at] === bucket && this.weight[at] ? this.mean[at] : null;
  }

  /** Values of buckets first..last: null is a gap to be seen, undefined is only the pace of the source. */
  values(first, last) {
    const out = new Array(last - first + 1).fill(null);
    const present = [];
    for (let bucket = first; bucket <= last; bucket += 1) {
      const value = this.at(bucket);
      if (value !== null) {
        out[bucket - first] = value;
        present.push(bucket - first);
      }
    }
    const widest = GAP_BUCKETS * pace(present);
    for (let i = 1; i < present.length; i += 1) {
      if (present[i] - present[i - 1] <= widest) out.fill(undefined, present[i - 1] + 1, present[i]);
    }
    return out;
  }

  #slot(timeS) {
    const bucket = Math.floor(timeS / this.stepS + 1e-6);
    const at = bucket % this.size;
    if (this.bucket[at] > bucket) return -1;
    if (this.bucket[at] < bucket) {
      this.bucket[at] = bucket;
      this.mean[at] = 0;
      this.weight[at] = 0;
    }
    return at;
  }

  #remember(timeS, value) {
    if (timeS >= this.last.timeS) this.last = { timeS, value };
  }
}

/** A counter as its rate per second. */
export class RateLine extends Line {
  #before = null;
  #longestS = RESTART_S;

  /** History holds means of buckets: where they fall the counter began anew somewhere inside, so nothing is claimed. */
  load(timesS, values) {
    const known = timesS.map((timeS, i) => [timeS, values[i]]).filter(([, value]) => value !== null);
    this.#longestS = Math.max(RESTART_S, GAP_BUCKETS * pace(known.map(([timeS]) => timeS)));
    for (let i = 1; i < known.length; i += 1) {
      const seconds = known[i][0] - known[i - 1][0];
      const grown = known[i][1] - known[i - 1][1];
      if (seconds <= this.#longestS && grown >= 0) this.put(known[i][0], grown / seconds);
    }
  }

  /** Live points are the counter itself: a fall is a restart from zero, as Prometheus has it. */
  add(timeS, value) {
    const { timeS: since, value: had } = this.#before ?? { timeS: -Infinity };
    if (timeS <= since) return;
    this.#before = { timeS, value };
    if (timeS - since <= this.#longestS) super.add(timeS, (value >= had ? value - had : value) / (timeS - since));
  }
}

/** The usual distance between two neighbours of an ascending list. */
function pace(present) {
  if (present.length < 3) return present.length < 2 ? 1 : present[1] - present[0];
  const steps = present.slice(1).map((at, i) => at - present[i]);
  steps.sort((a, b) => a - b);
  return steps[steps.length >> 1];
}

/** The bucket borders of a window that ends now. */
export function windowOf(span, nowS) {
  const last = Math.floor(nowS / span.stepS);
  return { first: last - Math.floor(span.spanS / span.stepS), last, stepS: span.stepS };
}

export function timesOf({ first, last, stepS }) {
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * stepS);
}

/** The sum of several lines, bucket by bucket; a gap only where all have one. */
export function sum(columns) {
  if (columns.length === 1) return columns[0];
  return columns[0].map((_, i) => {
    let total = null;
    let waiting = false;
    for (const column of columns) {
      if (column[i] === undefined) waiting = true;
      else if (column[i] !== null) total = (total ?? 0) + column[i];
    }
    return total === null && waiting ? undefined : total;
  });
}
