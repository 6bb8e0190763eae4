// One chart: a uPlot that follows the heartbeat, with a legend that reads out the crosshair.
import uPlot from "./vendor/uplot.js";
import { effect, html, untracked, useEffect, useRef } from "./ui.js";
import { clock } from "./format.js";
import { crosshair, spanKey, theme, tick } from "./state.js";

const SYNC = "firstlight";
const HEIGHT = 168;
const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400];
const BYTE_STEPS = Array.from({ length: 56 }, (_, power) => 2 ** power);

const styled = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const dark = matchMedia("(prefers-color-scheme: dark)");

/**
 * Args:
 *   name: what is drawn, for those who cannot see it.
 *   read: () => {xs, lines: [{label, color, fill, faint, ys}]}; called at each beat.
 *   write: value => text.
 *   top: (highest value seen) => upper end of the scale, or null to fit the data on both ends.
 *   steps: "bytes" for scale marks at powers of two.
 */
export function Plot(props) {
  const at = useRef(null);
  const latest = useRef(props);
  latest.current = props;
  useEffect(() => mount(at.current, latest), []);
  return html`<div class="plot" ref=${at} tabindex="0" role="group" aria-roledescription="chart"
    aria-label=${`${props.name}; arrow keys move the crosshair`} data-plot=${props.id}></div>`;
}

function mount(element, latest) {
  let plot = null;
  let shape = "";
  let seen = true;
  let drawnAt = 0;

  function draw() {
    const now = performance.now();
    const { id, read, beatMs = 0 } = latest.current;
    const data = read();
    const wanted = shapeOf(data, id);
    if (wanted !== shape) {
      plot?.destroy();
      shape = wanted;
      plot = build(element, latest, data);
      element.uplot = plot;
    } else if (now - drawnAt < beatMs - 50) return;
    drawnAt = now;
    plot.setData([data.xs, ...data.lines.map((line) => line.ys)]);
    element.dataset.last = String(data.xs.at(-1));
  }

  const stopDrawing = effect(() => {
    tick.value;
    spanKey.value;
    if (seen) untracked(draw);
  });
  const restyle = () => {
    shape = "";
    if (seen) draw();
  };
  const stopTheme = theme.subscribe(restyle);
  dark.addEventListener("change", restyle);
  const sizes = new ResizeObserver(() => plot?.setSize({ width: element.clientWidth, height: HEIGHT }));
  sizes.observe(element);
  const sight = new IntersectionObserver(([entry]) => {
    seen = entry.isIntersecting;
    if (seen) draw();
  }, { rootMargin: "120px" });
  sight.observe(element);
  const keys = (event) => move(plot, event);
  element.addEventListener("keydown", keys);
  const leave = () => clear(plot);
  element.addEventListener("blur", leave);
  return () => {
    stopDrawing();
    stopTheme();
    dark.removeEventListener("change", restyle);
    sizes.disconnect();
    sight.disconnect();
    plot?.destroy();
  };
}

const shapeOf = (data, id) => JSON.stringify([id, spanKey.value, data.lines.map((line) => [line.label, line.color])]);

function build(element, latest, data) {
  const faint = styled("--grid");
  const ink = styled("--ink-3");
  const font = `11px ${styled("--sans")}`;
  const axis = { stroke: ink, font, grid: { stroke: faint, width: 1 }, ticks: { show: false } };
  const options = {
    width: element.clientWidth,
    height: HEIGHT,
    padding: [8, 16, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: SYNC, setSeries: false }, drag: { x: false, y: false }, y: false, points: { size: 6 } },
    scales: { x: { time: true, range: (u, low, high) => [low, high] }, y: { range: (u, low, high) => reach(low, high, latest.current.top) } },
    axes: [
      { ...axis, incrs: TIME_STEPS, space: 60, size: 24, gap: 4, grid: { show: false }, values: (u, marks, i, s, step) => marks.map((mark) => clock(mark, step < 60)) },
      { ...axis, size: 62, gap: 6, space: 34, values: (u, marks) => marks.map((mark) => latest.current.write(mark)), ...(latest.current.steps === "bytes" && { incrs: BYTE_STEPS }) },
    ],
    series: [{}, ...data.lines.map(lineOptions)],
    hooks: { setCursor: [readOut] },
  };
  return new uPlot(options, [data.xs, ...data.lines.map((line) => line.ys)], element);
}

function lineOptions({ label, color, fill, faint }) {
  const stroke = styled(color);
  return {
    label,
    stroke: faint ? stroke + "59" : stroke,
    width: faint ? 0.75 : 1.6,
    fill: fill ? stroke + "1f" : undefined,
    points: { show: true, size: 4, fill: stroke, filter: alone },
  };
}

/** Only points without neighbours get a dot; a line shows the others. */
function alone(u, which, show, gaps) {
  const ys = u.data[which];
  const [first, last] = [u.series[0].idxs?.[0] ?? 0, u.series[0].idxs?.[1] ?? ys.length - 1];
  const out = [];
  let before = null;
  for (let i = first; i <= last; i += 1) {
    if (ys[i] === undefined) continue;
    if (ys[i] !== null && before === null) {
      let next = i + 1;
      while (next <= last && ys[next] === undefined) next += 1;
      if (next > last || ys[next] === null) out.push(i);
    }
    before = ys[i];
  }
  return out;
}

function reach(low, high, top) {
  if (low == null) return [0, top ? top(0) : 1];
  if (top) return [Math.min(0, low), top(high)];
  if (low === high) return [low - Math.abs(low || 1) * 0.1, high + Math.abs(high || 1) * 0.1];
  return [low >= 0 && low < (high - low) * 0.8 ? 0 : low - (high - low) * 0.05, high + (high - low) * 0.05];
}

function readOut(u) {
  const { left, idx } = u.cursor;
  const next = left < 0 || idx == null ? null : u.data[0][idx];
  if (crosshair.peek() !== next) crosshair.value = next;
}

function clear(plot) {
  plot?.setCursor({ left: -10, top: -10 }, true, true);
}

/** Arrow keys walk along the buckets, with shift ten at a time; Home and End jump; Escape leaves. */
function move(plot, event) {
  const far = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
  if (event.key === "Escape") clear(plot);
  if (far === undefined || !plot || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const last = plot.data[0].length - 1;
  const from = plot.cursor.left >= 0 && plot.cursor.idx != null ? plot.cursor.idx : last;
  const to = Math.max(0, Math.min(last, from + far * (event.shiftKey ? 10 : 1)));
  plot.setCursor({ left: plot.valToPos(plot.data[0][to], "x"), top: 10 }, true, true);
}

/**
 * Names and values of a chart: of the crosshair's moment, else of now.
 * items: [{label, color, faint, value: (bucketTimeS | null) => text}]
 */
export function Legend({ items }) {
  tick.value;
  const moment = crosshair.value;
  return html`<ul class="legend">
    ${items.map(
      (item) => html`<li key=${item.label}>
        ${item.color && html`<i class=${`swatch ${item.color.slice(2)}${item.faint ? " faint" : ""}`} aria-hidden="true"></i>`}
        <span>${item.label}</span> <b>${item.value(moment)}</b>
      </li>`,
    )}
  </ul>`;
}
