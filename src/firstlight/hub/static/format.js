// Numbers as people read them.  A thin no-break space stands between figure and unit.
const SPACE = "\u202f";
const NOTHING = "–";
const BINARY = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
const METRIC = ["", "k", "M", "G", "T", "P"];
const two = (n) => String(n).padStart(2, "0");

const absent = (value) => value == null || Number.isNaN(value);

/** Three significant digits without an exponent, and no zeros that say nothing. */
export function digits(value) {
  const size = Math.abs(value);
  if (size >= 100 || value === 0) return String(Math.round(value));
  if (size < 0.001) return value.toExponential(1);
  return String(Number(value.toFixed(size >= 10 ? 1 : size >= 1 ? 2 : 3)));
}

function scaled(value, base, names) {
  let step = 0;
  let rest = value;
  while (Math.abs(rest) >= base * 0.9995 && step < names.length - 1) {
    rest /= base;
    step += 1;
  }
  return [rest, names[step]];
}

function finite(value, write) {
  if (absent(value)) return NOTHING;
  if (!Number.isFinite(value)) return value > 0 ? "+∞" : "−∞";
  return write(value);
}

export const bytes = (value) =>
  finite(value, (v) => {
    const [rest, unit] = scaled(v, 1024, BINARY);
    return digits(unit === "B" ? Math.round(rest) : rest) + SPACE + unit;
  });

export const count = (value) =>
  finite(value, (v) => {
    const [rest, unit] = scaled(v, 1000, METRIC);
    return digits(rest) + (unit && SPACE + unit);
  });

/** A whole number, every digit shown, in groups of three. */
export const whole = (value) => finite(value, (v) => String(Math.round(v)).replace(/\B(?=(\d{3})+$)/g, SPACE));

export const percent = (ratio) =>
  finite(ratio, (v) => (v * 100).toFixed(Math.abs(v) < 0.0995 && v !== 0 ? 1 : 0) + SPACE + "%");

/** Rounded down, so that a figure never stands in a better band than the score itself. */
export const score = (value) => (absent(value) ? NOTHING : (Math.floor(value * 100 + 1e-9) / 100).toFixed(2));

export const plain = (value) => finite(value, digits);

export const hundredths = (value) => finite(value, (v) => v.toFixed(2));

export const perSecond = (write) => (value) => (absent(value) ? NOTHING : `${write(value)}/s`);

/** A length of time in seconds, as its one or two largest units. */
export const duration = (seconds) =>
  finite(seconds, (v) => {
    const s = Math.abs(v);
    if (s > 0 && s < 0.001) return digits(v * 1e6) + SPACE + "µs";
    if (s > 0 && s < 1) return digits(v * 1e3) + SPACE + "ms";
    if (s < 60) return digits(v) + SPACE + "s";
    const whole = Math.round(v);
    if (s < 3600) return `${Math.floor(whole / 60)}${SPACE}min ${whole % 60}${SPACE}s`;
    if (s < 86400) return `${Math.floor(whole / 3600)}${SPACE}h ${Math.floor(whole / 60) % 60}${SPACE}min`;
    return `${Math.floor(whole / 86400)}${SPACE}d ${Math.floor(whole / 3600) % 24}${SPACE}h`;
  });

/** How long ago, coarse enough to stand still for a moment. */
export function ago(seconds) {
  if (absent(seconds)) return "never";
  if (seconds < 2) return "now";
  if (seconds < 60) return `${Math.round(seconds)}${SPACE}s ago`;
  if (seconds < 3600) return `${Math.round(seconds / 60)}${SPACE}min ago`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)}${SPACE}h ago`;
  return `${Math.round(seconds / 86400)}${SPACE}d ago`;
}

export function clock(seconds, withSeconds = true) {
  const at = new Date(seconds * 1000);
  return `${two(at.getHours())}:${two(at.getMinutes())}` + (withSeconds ? `:${two(at.getSeconds())}` : "");
}

export function clockMillis(ms) {
  return `${clock(ms / 1000)}.${String(new Date(ms).getMilliseconds()).padStart(3, "0")}`;
}

export function day(ms) {
  const at = new Date(ms);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** The writer for a metric's unit; the name helps where a source gives no unit. */
export function writerFor(unit, name) {
  if (/^(by|bytes?)$/i.test(unit) || (!unit && /_bytes(_total)?$/.test(name))) return bytes;
  if (/ratio$/i.test(unit) || /_ratio$/.test(name)) return percent;
  if (/^(s|seconds?)$/i.test(unit) || (!unit && /_seconds(_total)?$/.test(name))) return duration;
  if (/^ms$/i.test(unit)) return (value) => duration(value == null ? value : value / 1e3);
  if (/^ns$/i.test(unit)) return (value) => duration(value == null ? value : value / 1e9);
  return count;
}
