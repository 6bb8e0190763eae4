// Which processes use the machine.
import { html, text, useSignal } from "../ui.js";
import { bytes, percent } from "../format.js";
import { tick } from "../state.js";
import * as host from "../host.js";
import { processes } from "../panel_queries.js";
import { ShowQuery } from "./show_query.js";

const MOST = 10;

function table() {
  const rows = new Map();
  const row = ({ labels }) => {
    const key = `${labels.pid} ${labels.name}`;
    if (!rows.has(key)) rows.set(key, { key, name: labels.pid ? text(labels.name) : "short-lived others", pid: text(labels.pid), cpu: null, memory: null });
    return rows.get(key);
  };
  for (const point of host.processes("host_process_cpu_ratio")) row(point).cpu = point.value;
  for (const point of host.processes("host_process_memory_bytes")) row(point).memory = point.value;
  return [...rows.values()];
}

function Head({ by, which, children }) {
  const sorted = by.value === which;
  return html`<th scope="col" class="figure" aria-sort=${sorted ? "descending" : "none"}>
    <button class="sort" onClick=${() => (by.value = which)}>${children}<i aria-hidden="true">${sorted ? " ↓" : ""}</i></button></th>`;
}

export function Processes() {
  tick.value;
  const by = useSignal("cpu");
  const rows = table().sort((a, b) => (b[by.value] ?? -1) - (a[by.value] ?? -1)).slice(0, MOST);
  return html`<section id="processes" aria-labelledby="h-processes">
    <header class="bar"><h2 id="h-processes">Top processes</h2><span class="note">100 % is one core</span>
      <${ShowQuery} about="Top processes" queries=${[processes(by.value)]} /></header>
    ${
      rows.length === 0
        ? html`<p class="none">No process figures yet; they come with the next samples of this host.</p>`
        : html`<table>
            <thead><tr><th scope="col">name</th><th scope="col" class="figure">pid</th>
              <${Head} by=${by} which="cpu">cpu<//><${Head} by=${by} which="memory">memory<//></tr></thead>
            <tbody>${rows.map(
              (row) => html`<tr key=${row.key}><td class="long" title=${row.name}>${row.name}</td>
                <td class="figure note">${row.pid}</td><td class="figure">${percent(row.cpu)}</td><td class="figure">${bytes(row.memory)}</td></tr>`,
            )}</tbody>
          </table>`
    }
  </section>`;
}
