// Answers as columns that a chart can draw.  Pure: no page, no network.

export const MOST_DRAWN = 60;
export const COLORS = ["--c1", "--c2", "--c3", "--c4", "--c5", "--c6"];
/** After the six colours the same six again with another dash, so that twenty lines can still be told apart. */
export const DASHES = [[], [6, 3], [2, 3], [9, 3, 2, 3]];

const numberOf = (text) => (text === "+Inf" ? Infinity : text === "-Inf" ? -Infinity : Number(text));

/** A series by name and labels, as PromQL writes it. */
export function seriesName(labels, without = new Set()) {
  const { __name__: name = "", ...rest } = labels;
  const pairs = Object.entries(rest).filter(([key]) => !without.has(key)).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  const shown = without.has("__name__") ? "" : name;
  if (!pairs.length) return shown || (without.size ? "" : "{}");
  return `${shown}{${pairs.join(", ")}}`;
}

/** Labels that say the same for all series. */
export function sharedLabels(all) {
  if (all.length < 2) return new Set();
  const [first, ...rest] = all;
  return new Set(Object.keys(first).filter((key) => rest.every((each) => each[key] === first[key])));
}

/** Short names that stay apart: shared labels are left out. */
export function shortNames(all) {
  const shared = sharedLabels(all);
  const short = all.map((labels) => seriesName(labels, shared));
  return new Set(short).size === all.length && short.every(Boolean) ? short : all.map((labels) => seriesName(labels));
}

/** The columns of a range's matrix: `{xs, lines: [{name, labels, ys}], total, natives}`; where there is no sample, null. */
export function fromMatrix(result, { startS, endS }, stepS) {
  const size = Math.max(1, Math.floor((endS - startS) / stepS + 1e-9) + 1);
  const xs = Array.from({ length: size }, (_, i) => startS + i * stepS);
  const floats = result.filter((each) => each.values);
  const drawn = floats.slice(0, MOST_DRAWN);
  const names = shortNames(drawn.map((each) => each.metric));
  const lines = drawn.map(({ metric, values }, i) => ({ name: names[i], full: seriesName(metric), labels: metric, ys: spread(values, startS, stepS, size) }));
  return { xs, lines, total: floats.length, natives: result.filter((each) => each.histograms).length };
}

function spread(values, startS, stepS, size) {
  const ys = new Array(size).fill(null);
  for (const [timeS, value] of values) {
    const at = Math.round((timeS - startS) / stepS);
    const figure = numberOf(value);
    if (at >= 0 && at < size && Number.isFinite(figure)) ys[at] = figure;
  }
  return ys;
}

const NUMERIC = /^(?:U?(?:TINY|SMALL|BIG|HUGE)?INT(?:EGER)?|DOUBLE|FLOAT|DECIMAL.*)$/;
export const isNumeric = (type) => NUMERIC.test(type);
const isTime = (type) => /^(?:TIMESTAMP|DATE)/.test(type);

/** The columns of a table that has a time and figures; null where it has not both. */
export function fromRows({ columns, rows }) {
  const time = columns.findIndex(({ type }) => isTime(type));
  const figures = columns.flatMap(({ type }, i) => (isNumeric(type) ? [i] : []));
  if (time < 0 || !figures.length) return null;
  const names = columns.flatMap(({ type }, i) => (i !== time && !isNumeric(type) ? [i] : []));
  const xs = [...new Set(rows.map((row) => Date.parse(row[time]) / 1000))].filter(Number.isFinite).sort((a, b) => a - b);
  const places = new Map(xs.map((x, i) => [x, i]));
  const found = new Map();
  for (const row of rows) place(found, row, { time, figures, names, columns, places });
  const all = [...found.values()];
  return { xs, lines: all.slice(0, MOST_DRAWN), total: all.length, natives: 0, sparse: true };
}

function place(found, row, { time, figures, names, columns, places }) {
  const at = places.get(Date.parse(row[time]) / 1000);
  if (at === undefined) return;
  for (const figure of figures) {
    const labels = Object.fromEntries(names.map((i) => [columns[i].name, String(row[i] ?? "")]));
    if (figures.length > 1 || !names.length) labels.__name__ = columns[figure].name;
    const name = names.length === 1 && figures.length === 1 ? labels[columns[names[0]].name] : seriesName(labels);
    if (!found.has(name)) found.set(name, { name, full: seriesName(labels), labels, ys: new Array(places.size).fill(undefined) });
    const value = Number(row[figure]);
    if (row[figure] !== null && Number.isFinite(value)) found.get(name).ys[at] = value;
  }
}

/** Each line on top of those before it; a gap counts as nothing but is not drawn. */
export function stacked(columns) {
  const base = new Array(columns[0]?.length ?? 0).fill(0);
  return columns.map((ys) =>
    ys.map((value, i) => {
      if (value == null) return value;
      base[i] += value;
      return base[i];
    }),
  );
}

/** `{last, min, max, avg}` of what is known. */
export function summary(ys) {
  let [last, min, max, sum, count] = [null, null, null, 0, 0];
  for (const value of ys) {
    if (value == null) continue;
    last = value;
    if (min === null || value < min) min = value;
    if (max === null || value > max) max = value;
    sum += value;
    count += 1;
  }
  return { last, min, max, avg: count ? sum / count : null };
}

/** An instant answer as a table: one column a label, the figure last. */
export function tableOf({ resultType, result }) {
  if (resultType === "scalar" || resultType === "string") return { columns: [{ name: "value", numeric: resultType === "scalar" }], rows: [[shown(result[1])]] };
  const names = [...new Set(result.flatMap((each) => Object.keys(each.metric)))].sort((a, b) => (b === "__name__") - (a === "__name__") || (a < b ? -1 : 1));
  const columns = [...names.map((name) => ({ name: name === "__name__" ? "metric" : name, numeric: false })), { name: "value", numeric: true }];
  const rows = result.map((each) => [...names.map((name) => each.metric[name] ?? ""), valueOf(each)]);
  return { columns, rows };
}

const shown = (value) => (Number.isNaN(Number(value)) ? value : Number(value));

function valueOf({ value, histogram, values }) {
  if (value) return Number.isFinite(Number(value[1])) ? Number(value[1]) : value[1];
  if (histogram) return `native histogram: ${histogram[1].count} measurements, sum ${histogram[1].sum}`;
  return values ? values.map(([, each]) => each).join(" ") : "";
}
