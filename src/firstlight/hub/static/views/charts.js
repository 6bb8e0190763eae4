// The live charts of this host.
import { html, useSignal } from "../ui.js";
import { bytes, clock, hundredths, percent, perSecond, plain } from "../format.js";
import { sum, timesOf } from "../grid.js";
import { Legend, Plot } from "../plot.js";
import { crosshair, span, status, tick } from "../state.js";
import * as host from "../host.js";
import { ofHost, traffic } from "../panel_queries.js";
import { ShowQuery } from "./show_query.js";

const COLORS = ["--c1", "--c2", "--c3", "--c4", "--c5", "--c6"];
const PARTITION = /^(?:(?:sd|vd|hd|xvd)[a-z]+\d+|(?:nvme\d+n\d+|mmcblk\d+)p\d+|loop\d+|ram\d+|dm-\d+|zram\d+|sr\d+)$/;
const LOOPBACK = /^(?:lo\d*|Loopback.*)$/;

const beat = () => Math.min(5000, Math.max(1000, span().stepS * 500));

/** Read lines on the shared window; each source line is {label, color, lines: [Line…]}. */
function columns(sources) {
  const window = host.now();
  const lines = sources.filter((each) => each.lines.length).map((each) => ({
    ...each,
    ys: sum(each.lines.map((line) => line.values(window.first, window.last))),
  }));
  return { xs: timesOf(window), lines };
}

/** The figure of some lines at the crosshair, or the newest one. */
function valueOf(lines, moment) {
  const values = lines.map((line) => (moment === null ? newest(line) : line.at(Math.round(moment / line.stepS))));
  const known = values.filter((value) => value !== null);
  return known.length ? known.reduce((a, b) => a + b) : null;
}

const STALE_S = 15;
const newest = (line) => (host.seconds() - line.last.timeS < STALE_S + line.stepS * 2 ? line.last.value : null);

const entry = (source, write) => ({ ...source, value: (moment) => write(valueOf(source.lines, moment)) });

/** A hub younger than this has its first samples still to come, so their absence says nothing. */
const SETTLED_S = 5;

function Panel({ id, title, note, sources, legend, write, top, steps, figure, queries, children }) {
  const empty = host.hasLoaded() && (status.value?.uptime_s ?? 0) > SETTLED_S && sources.every((each) => !each.lines.length);
  return html`<article class="panel" aria-labelledby=${`t-${id}`}>
    <header><h3 id=${`t-${id}`}>${title}</h3>${note && html`<span class="note">${note}</span>`}
      ${children}<${ShowQuery} about=${title} queries=${queries} /><output class="figure" aria-live="off">${figure}</output></header>
    <${Legend} items=${legend} />
    ${
      empty
        ? html`<p class="none">No samples in this window yet. They come once a second while the hub measures this
            host; <code>--no-host-metrics</code> turns that off.</p>`
        : html`<${Plot} id=${id} name=${title} write=${write} top=${top} steps=${steps} beatMs=${beat()}
            read=${() => columns(sources)} />`
    }
  </article>`;
}

function Cpu() {
  tick.value;
  const all = host.of("host_cpu_busy_ratio");
  const whole = all.filter((each) => each.labels.cpu === "all").map((each) => each.line);
  const cores = all.filter((each) => each.labels.cpu !== "all");
  const total = { label: "all", color: "--c1", fill: true, lines: whole };
  const sources = [
    ...cores.map((each) => ({ label: `core ${each.labels.cpu}`, color: "--c3", faint: true, lines: [each.line] })),
    total,
  ];
  const range = (moment) => {
    const values = cores.map((each) => valueOf([each.line], moment)).filter((value) => value !== null);
    return values.length ? `${percent(Math.min(...values))} to ${percent(Math.max(...values))}` : percent(null);
  };
  const legend = [entry(total, percent), { label: `${cores.length} cores`, color: "--c3", faint: true, value: range }];
  return html`<${Panel} id="cpu" title="CPU" note="share of time busy" sources=${sources} legend=${legend}
    queries=${[ofHost("host_cpu_busy_ratio")]} write=${percent} top=${() => 1} figure=${percent(valueOf(whole, null))} />`;
}

function Memory() {
  tick.value;
  const lines = (name) => host.of(name).map((each) => each.line);
  const [used, total] = [lines("host_memory_used_bytes"), lines("host_memory_total_bytes")];
  const [swap, swapTotal] = [lines("host_swap_used_bytes"), lines("host_swap_total_bytes")];
  const hasSwap = valueOf(swapTotal, null) > 0;
  const main = { label: "used", color: "--c1", fill: true, lines: used };
  const extra = { label: "swap", color: "--c2", lines: swap };
  const share = (moment) => percent(valueOf(used, moment) === null ? null : valueOf(used, moment) / valueOf(total, moment));
  const legend = [
    { ...main, value: (moment) => `${bytes(valueOf(used, moment))} of ${bytes(valueOf(total, moment))}` },
    ...(hasSwap ? [entry(extra, bytes)] : []),
    { label: "share", value: share },
  ];
  return html`<${Panel} id="memory" title="Memory" note="in use" sources=${hasSwap ? [main, extra] : [main]} legend=${legend}
    queries=${["host_memory_used_bytes", ...(hasSwap ? ["host_swap_used_bytes"] : [])].map((name) => ofHost(name))}
    write=${bytes} steps="bytes" top=${(high) => Math.max(high, valueOf(total, null) ?? 1024)} figure=${share(null)} />`;
}

function Load() {
  tick.value;
  const order = ["1m", "5m", "15m"];
  const found = host.of("host_load_average");
  const sources = order.flatMap((window, i) => {
    const lines = found.filter((each) => each.labels.window === window).map((each) => each.line);
    return lines.length ? [{ label: window.replace("m", "\u202fmin"), color: COLORS[i], fill: i === 0, lines }] : [];
  });
  const cores = host.of("host_cpu_busy_ratio").length - 1;
  const legend = sources.map((each) => entry(each, hundredths));
  return html`<${Panel} id="load" title="Load" note=${cores > 0 ? `runnable tasks; ${cores} cores` : "runnable tasks"}
    queries=${[ofHost("host_load_average")]}
    sources=${sources} legend=${legend} write=${plain} top=${(high) => Math.max(cores, high * 1.1, 1)}
    figure=${sources.length ? hundredths(valueOf(sources[0].lines, null)) : "–"} />`;
}

/** Two counters of the same devices as rates, summed over all of them or for the chosen one. */
function Traffic({ id, title, label, counters, skip, rest }) {
  tick.value;
  const choice = useSignal("");
  const names = [...new Set(host.of(counters[0].name).map((each) => each.labels[label]))];
  const most = names.filter((name) => !skip.test(name));
  const picked = choice.value && names.includes(choice.value) ? [choice.value] : most.length ? most : names;
  const sources = counters.map((counter) => ({
    ...counter,
    lines: host.of(counter.name).filter((each) => picked.includes(each.labels[label])).map((each) => each.line),
  }));
  const write = perSecond(bytes);
  const choose = names.length > 1 && html`<select class="quiet" aria-label=${`${title}: which ${label}`}
      onChange=${(event) => (choice.value = event.target.value)}>
      <option value="">${rest}</option>
      ${names.map((name) => html`<option key=${name} value=${name} selected=${choice.value === name}>${name}</option>`)}
    </select>`;
  const now = valueOf(sources.flatMap((each) => each.lines), null);
  return html`<${Panel} id=${id} title=${title} sources=${sources} legend=${sources.map((each) => entry(each, write))}
    queries=${counters.map((counter) => traffic(counter.name, label, picked))}
    write=${write} steps="bytes" top=${(high) => Math.max(high * 1.1, 4096)} figure=${write(now)}>${choose}<//>`;
}

const NETWORK = [
  { name: "host_network_received_bytes_total", label: "received", color: "--c1", fill: true },
  { name: "host_network_sent_bytes_total", label: "sent", color: "--c2" },
];
const DISK = [
  { name: "host_disk_read_bytes_total", label: "read", color: "--c1", fill: true },
  { name: "host_disk_written_bytes_total", label: "written", color: "--c2" },
];

/** The crosshair's moment, or how far back the charts reach. */
function reach() {
  tick.value;
  if (crosshair.value !== null) return `at ${clock(crosshair.value)}`;
  const begins = host.begin();
  return `the last ${span().label}` + (begins === null ? "" : `; the first samples are from ${clock(begins)}`);
}

export function Charts() {
  return html`<section id="charts" aria-labelledby="h-charts">
    <header class="bar"><h2 id="h-charts">This host</h2>
      <span class="note" aria-live="off">${reach()}</span></header>
    <div class="panels">
      <${Cpu} /><${Memory} /><${Load} />
      <${Traffic} id="network" title="Network" label="interface" counters=${NETWORK} skip=${LOOPBACK} rest="all but loopback" />
      <${Traffic} id="disk" title="Disk traffic" label="device" counters=${DISK} skip=${PARTITION} rest="whole disks" />
      <${Disks} />
    </div>
  </section>`;
}

function Disks() {
  tick.value;
  const latest = (name) => new Map(host.of(name).map((each) => [each.labels.mount, each.line.last.value]));
  const [free, share] = [latest("host_disk_free_bytes"), latest("host_disk_used_ratio")];
  const rows = host.of("host_disk_used_bytes").map(({ labels: { mount }, line }) => ({
    mount, used: line.last.value, free: free.get(mount), share: share.get(mount), grown: growth(line),
  }));
  rows.sort((a, b) => (b.share ?? 0) - (a.share ?? 0));
  return html`<article class="panel" aria-labelledby="t-disks">
    <header><h3 id="t-disks">Disk space</h3><span class="note">with the change in this window</span>
      <${ShowQuery} about="Disk space" queries=${[ofHost("host_disk_used_ratio")]} />
      <output class="figure" aria-live="off">${percent(rows[0]?.share)}</output></header>
    ${rows.length === 0 && html`<p class="none">No mounts reported in this window yet.</p>`}
    <ul class="mounts">
      ${rows.map(
        (row) => html`<li key=${row.mount}>
          <span class="name" title=${row.mount}>${row.mount}</span><b>${percent(row.share)}</b>
          <span class="track" aria-hidden="true"><span class=${row.share > 0.9 ? "fill warn" : "fill"} style=${{ width: `${(row.share ?? 0) * 100}%` }}></span></span>
          <span class="note">${bytes(row.used)} used, ${bytes(row.free)} free</span><span class="note">${row.grown}</span>
        </li>`,
      )}
    </ul>
  </article>`;
}

function growth(line) {
  const { first, last } = host.now();
  for (let bucket = first; bucket <= last; bucket += 1) {
    const before = line.at(bucket);
    if (before === null) continue;
    const grown = line.last.value - before;
    return Math.abs(grown) < 1 ? "no change" : `${grown > 0 ? "+" : "−"}${bytes(Math.abs(grown))}`;
  }
  return "";
}
