// Questions to begin with, while nothing is asked yet.
import { html } from "../ui.js";
import { linkTo } from "./place.js";

const EXAMPLES = [
  ["How busy is each core?", "promql", 'host_cpu_busy_ratio{cpu!="all"}'],
  ["What goes over the network?", "promql", 'sum by (interface) (rate(host_network_received_bytes_total[1m]))'],
  ["Which processes use most memory?", "promql", "topk(5, host_process_memory_bytes)", { show: "table" }],
  ["How does this hour differ from the one before?", "promql", 'host_load_average{window="1m"} - host_load_average{window="1m"} offset 1h'],
  ["How many events a minute, by name?", "sql", "select time_bucket(interval 1 minute, time) as minute, name, count(*) as events\nfrom events\nwhere time between $from and $to\ngroup by all\norder by minute", { show: "chart" }],
];

export function Examples() {
  return html`<section class="examples" aria-labelledby="h-examples"><h2 id="h-examples">Where to begin</h2>
    <p class="none">Choose a metric from the list, type a query, or take one of these and change it.</p>
    <ul>${EXAMPLES.map(([question, language, text, rest]) => html`<li key=${text}><a href=${linkTo([{ language, text, ...rest }])}>${question}</a> <code>${text.split("\n")[0]}${text.includes("\n") ? " …" : ""}</code></li>`)}</ul></section>`;
}
