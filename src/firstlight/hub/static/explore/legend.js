// The lines of a chart by name, with their figures at the crosshair or at the end.
import { html, useSignal } from "../ui.js";
import { COLORS, summary } from "./frame.js";
import { moment } from "./session.js";

const FIGURES = ["last", "min", "max", "avg"];

/** The line's value at the crosshair's moment: the nearest one no more than half a step away. */
function valueAt({ xs }, ys, timeS) {
  let [low, high] = [0, xs.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (xs[middle] < timeS) low = middle + 1;
    else high = middle;
  }
  const near = low > 0 && timeS - xs[low - 1] < xs[low] - timeS ? low - 1 : low;
  return ys[near] ?? null;
}

function ordered(frame, by) {
  const rows = frame.lines.map((line, i) => ({ ...line, i, ...summary(line.ys) }));
  if (by === "name") return rows;
  return rows.sort((a, b) => (b[by] ?? -Infinity) - (a[by] ?? -Infinity));
}

/**
 * Args:
 *   frame, write: as the chart's.
 *   only: names of the lines that are isolated; empty for all.
 *   near: index of the line under the pointer; onNear, onOnly: tell of changes.
 */
export function Legend({ frame, write, only, near, onNear, onOnly }) {
  const by = useSignal("name");
  const at = moment.value;
  const choose = (name, event) => onOnly(chosen(only, name, event.ctrlKey || event.metaKey || event.shiftKey));
  return html`<div class="lines" tabindex="-1"><table>
    <thead><tr><th scope="col" aria-sort=${by.value === "name" ? "other" : "none"}><button class="sort" onClick=${() => (by.value = "name")}>series</button></th>
      ${FIGURES.map((each) => html`<th key=${each} scope="col" class="figure" aria-sort=${by.value === each ? "descending" : "none"}>
        <button class="sort" onClick=${() => (by.value = each)}>${each === "last" && at !== null ? "here" : each}<i aria-hidden="true">${by.value === each ? " ↓" : ""}</i></button></th>`)}
    </tr></thead>
    <tbody>${ordered(frame, by.value).map((row) => {
      const isOff = only.length > 0 && !only.includes(row.full);
      return html`<tr key=${row.full} class=${`${isOff ? "off" : ""}${near === row.i ? " near" : ""}`} onMouseEnter=${() => onNear(row.i)} onMouseLeave=${() => onNear(null)}>
        <th scope="row"><button aria-pressed=${!isOff && only.length > 0} title=${row.full} onClick=${(event) => choose(row.full, event)}
          onFocus=${() => onNear(row.i)} onBlur=${() => onNear(null)}>
          <i class=${`swatch ${COLORS[row.i % COLORS.length].slice(2)} dash${Math.floor(row.i / COLORS.length) % 4}`} aria-hidden="true"></i><span>${row.name}</span></button></th>
        <td class="figure">${write(at === null ? row.last : valueAt(frame, row.ys, at))}</td>
        <td class="figure">${write(row.min)}</td><td class="figure">${write(row.max)}</td><td class="figure">${write(row.avg)}</td></tr>`;
    })}</tbody></table></div>`;
}

/** A click shows one line alone, a second one all again; with Ctrl lines are added and taken away. */
function chosen(only, name, isAdding) {
  if (isAdding) return only.includes(name) ? only.filter((each) => each !== name) : [...only, name];
  return only.length === 1 && only[0] === name ? [] : [name];
}
