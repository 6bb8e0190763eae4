// Rows of an answer, sorted by a click, a page of them at a time.
import { html, text, useSignal } from "../ui.js";

const PAGE = 100;
const LONGEST = 400;

function compare(a, b) {
  if (a === b) return 0;
  if (a === null || a === "") return 1;
  if (b === null || b === "") return -1;
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", { numeric: true });
}

function sorted(rows, { column, isDown }) {
  if (column === null) return rows;
  return rows.toSorted((a, b) => compare(a[column], b[column]) * (isDown ? -1 : 1));
}

function Cell({ value, numeric }) {
  const whole = value === null ? "null" : text(value);
  return html`<td class=${`${numeric ? "figure" : ""}${value === null ? " nothing" : ""}`} title=${whole.length > 40 ? whole : null}>${whole.length > LONGEST ? `${whole.slice(0, LONGEST)}…` : whole}</td>`;
}

/** Args: columns: [{name, numeric}]; rows: values of each; label: for those who cannot see it. */
export function Table({ columns, rows, label }) {
  const order = useSignal({ column: null, isDown: false });
  const many = useSignal(PAGE);
  const turn = (column) => {
    const { column: had, isDown } = order.value;
    order.value = had === column && isDown !== columns[column].numeric ? { column: null, isDown: false } : { column, isDown: had === column ? !isDown : columns[column].numeric };
  };
  const sign = (i) => (order.value.column !== i ? "none" : order.value.isDown ? "descending" : "ascending");
  const shown = sorted(rows, order.value).slice(0, many.value);
  return html`<div class="rows" tabindex="0" role="region" aria-label=${label}><table>
      <thead><tr>${columns.map((column, i) => html`<th key=${i} scope="col" class=${column.numeric ? "figure" : ""} aria-sort=${sign(i)}>
        <button class="sort" title=${column.type ?? null} onClick=${() => turn(i)}>${column.name}<i aria-hidden="true">${{ none: "", descending: " ↓", ascending: " ↑" }[sign(i)]}</i></button></th>`)}</tr></thead>
      <tbody>${shown.map((row, i) => html`<tr key=${i}>${row.map((value, j) => html`<${Cell} key=${j} value=${value} numeric=${columns[j].numeric} />`)}</tr>`)}</tbody>
    </table></div>
    ${rows.length > many.value && html`<p class="note more">The first ${many.value} of ${rows.length} rows.
      <button onClick=${() => (many.value += PAGE * 5)}>Show more</button></p>`}`;
}
