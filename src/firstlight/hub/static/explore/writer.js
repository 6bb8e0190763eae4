// How the figures of a query are written: by what its metric's name says of its unit.  Pure: no page, no network.
import { bytes, count, duration, percent, perSecond, writerFor } from "../format.js";
import { tokenize } from "./tokens.js";

const RATES = new Set(["rate", "irate", "deriv"]);
const COUNTS = new Set(["count", "count_values", "group", "changes", "resets", "count_over_time", "absent", "histogram_count"]);

/** A writer for the values of a PromQL text. */
export function writerOf(text) {
  const tokens = tokenize(text).filter((token) => token.kind !== "space" && token.kind !== "comment");
  const has = (words) => tokens.some((token) => token.kind === "function" && words.has(token.text));
  const metrics = tokens.filter((token) => token.kind === "metric").map((token) => token.text);
  const combines = tokens.some((token) => token.kind === "operator" && ["/", "*", "^", "%", "=="].includes(token.text));
  if (!metrics.length || combines || has(COUNTS)) return count;
  const [name] = metrics;
  if (/_(?:bucket|sum|count)$/.test(name) && !has(new Set(["histogram_quantile"])) && !name.endsWith("_sum")) return has(RATES) ? perSecond(count) : count;
  const plain = writerFor("", name.replace(/_(?:bucket|sum)$/, ""));
  if (!has(RATES)) return plain;
  if (has(new Set(["histogram_quantile"]))) return plain;
  return plain === duration || plain === percent ? count : perSecond(plain);
}

/** Whether its steps on an axis are better powers of two. */
export const isBinary = (write) => write(4096).startsWith(bytes(4096));
