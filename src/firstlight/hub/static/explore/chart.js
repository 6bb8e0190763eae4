// One answer drawn: a uPlot whose crosshair all charts of the view share, and whose stretches can be zoomed into.
import uPlot from "../vendor/uplot.js";
import { html, useEffect, useRef } from "../ui.js";
import { clock, day } from "../format.js";
import { theme } from "../state.js";
import { COLORS, DASHES, stacked } from "./frame.js";
import { moment } from "./session.js";
import { NICE_S } from "./times.js";
import { isBinary } from "./writer.js";

const SYNC = "explore";
const HEIGHT = 280;
const LEAST_DRAG_PX = 6;
const DAY_S = 86400;
const BYTE_STEPS = Array.from({ length: 56 }, (_, power) => 2 ** power);
const styled = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const dark = matchMedia("(prefers-color-scheme: dark)");

/**
 * Args:
 *   frame: {xs, lines}; window: {startS, endS} that the axis shows.
 *   draw: "lines", "stacked" or "points".
 *   isShown: index => whether that line is drawn; focus: index of the line to bring forward, or null.
 *   write: value => text; onZoom: ({startS, endS}) => …; onWiden: () => …; onNear: index or null.
 */
export function Chart(props) {
  const at = useRef(null);
  const latest = useRef(props);
  latest.current = props;
  const held = useRef(null);
  useEffect(() => mount(at.current, latest, held), []);
  useEffect(() => held.current?.renew(), [props.frame, props.draw, props.shown, props.write]);
  useEffect(() => held.current?.focus(props.focus), [props.focus]);
  return html`<div class="plot tall" ref=${at} tabindex="0" role="group" aria-roledescription="chart" data-chart
    aria-label=${`${props.name}; arrow keys move the crosshair, Enter marks the ends of a stretch to zoom into, minus zooms out`}></div>`;
}

function mount(element, latest, held) {
  let plot = null;
  const renew = () => {
    plot?.destroy();
    plot = build(element, latest);
    element.uplot = plot;
  };
  const stopTheme = theme.subscribe(renew);
  dark.addEventListener("change", renew);
  const sizes = new ResizeObserver(() => element.clientWidth && plot?.setSize({ width: element.clientWidth, height: HEIGHT }));
  sizes.observe(element);
  const mark = { fromS: null };
  const keys = (event) => steer(plot, event, mark, latest.current);
  element.addEventListener("keydown", keys);
  const leave = () => (unmark(plot, mark), away(plot));
  element.addEventListener("blur", leave);
  held.current = { renew, focus: (which) => plot?.setSeries(which === null ? null : which + 1, { focus: which !== null }, false) };
  return () => {
    stopTheme();
    dark.removeEventListener("change", renew);
    sizes.disconnect();
    plot?.destroy();
  };
}

function build(element, latest) {
  const { frame, window, draw, shown } = latest.current;
  const spanS = window.endS - window.startS;
  const ink = styled("--ink-3");
  const axis = { stroke: ink, font: `11px ${styled("--sans")}`, grid: { stroke: styled("--grid"), width: 1 }, ticks: { show: false } };
  const drawn = frame.lines.map((_, i) => shown === null || shown.has(i));
  const options = {
    width: element.clientWidth || 300,
    height: HEIGHT,
    padding: [8, 18, 0, 0],
    legend: { show: false },
    focus: { alpha: 0.22 },
    cursor: {
      sync: { key: SYNC, setSeries: false },
      drag: { x: true, y: false, setScale: false, dist: LEAST_DRAG_PX },
      focus: { prox: 24 },
      y: false,
      points: { size: 6 },
      bind: { dblclick: () => () => latest.current.onWiden() },
    },
    scales: { x: { time: true, range: () => [window.startS, window.endS] }, y: { range: (u, low, high) => reach(low, high, draw) } },
    axes: [
      { ...axis, incrs: NICE_S, space: 74, size: 26, gap: 5, grid: { show: false }, values: (u, marks, i, s, step) => marks.map((mark) => timeText(mark, step, spanS)) },
      { ...axis, size: 66, gap: 6, space: 36, values: (u, marks) => marks.map((mark) => latest.current.write(mark)), ...(isBinary(latest.current.write) && { incrs: BYTE_STEPS }) },
    ],
    series: [{}, ...frame.lines.map((line, i) => lineOptions(line, i, draw, drawn[i]))],
    hooks: { setCursor: [readOut], setSelect: [(u) => zoom(u, latest.current)], setSeries: [(u, which) => latest.current.onNear(which === null ? null : which - 1)] },
  };
  return new uPlot(options, dataOf(frame, draw, drawn), element);
}

/** Of stacked lines only the shown ones stand on each other. */
function dataOf({ xs, lines }, draw, drawn) {
  if (draw !== "stacked") return [xs, ...lines.map((line) => line.ys)];
  const piled = stacked(lines.filter((_, i) => drawn[i]).map((line) => line.ys));
  let next = 0;
  return [xs, ...lines.map((line, i) => (drawn[i] ? piled[next++] : line.ys))];
}

function lineOptions({ name }, i, draw, isShown) {
  const stroke = styled(COLORS[i % COLORS.length]);
  return {
    label: name,
    show: isShown,
    stroke,
    width: draw === "points" ? 0 : 1.6,
    dash: DASHES[Math.floor(i / COLORS.length) % DASHES.length],
    fill: draw === "stacked" ? `${stroke}30` : undefined,
    paths: draw === "points" ? () => null : undefined,
    points: { show: true, size: draw === "points" ? 5 : 4, fill: stroke, filter: draw === "points" ? undefined : lonely },
  };
}

/** Only points without neighbours get a dot; a line shows the others. */
function lonely(u, which) {
  const ys = u.data[which];
  const known = ys.flatMap((value, i) => (value == null ? [] : [i]));
  const gap = (a, b) => a === undefined || b === undefined || ys.slice(a + 1, b).includes(null);
  return known.filter((at, k) => gap(known[k - 1], at) && gap(at, known[k + 1]));
}

function reach(low, high, draw) {
  if (low == null) return [0, 1];
  if (low === high) return low === 0 ? [0, 1] : [Math.min(0, low * 1.1), Math.max(0, high * 1.1)];
  const air = (high - low) * 0.06;
  const bottom = (low >= 0 && low < (high - low) * 0.8) || (draw === "stacked" && low >= 0) ? 0 : low - air;
  return [bottom, high + air];
}

function timeText(mark, step, spanS) {
  if (step >= DAY_S) return day(mark * 1000).slice(5);
  const text = clock(mark, step < 60);
  return spanS > DAY_S && text.startsWith("00:00") ? day(mark * 1000).slice(5) : text;
}

let leader = null;

/** The chart under the pointer or the keys leads; the others only follow. */
function readOut(u) {
  const { left, idx } = u.cursor;
  const next = left == null || left < 0 || idx == null ? null : u.data[0][idx];
  const element = u.root.parentElement;
  if (next !== null && (element.matches(":hover") || document.activeElement === element)) leader = u;
  if (leader === u && moment.peek() !== next) moment.value = next;
}

function zoom(u, { onZoom }) {
  const { left, width } = u.select;
  if (u !== leader || width < LEAST_DRAG_PX) return;
  u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  onZoom({ startS: u.posToVal(left, "x"), endS: u.posToVal(left + width, "x") });
}

const away = (plot) => plot?.setCursor({ left: -10, top: -10 }, true, true);

function unmark(plot, mark) {
  mark.fromS = null;
  plot?.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
}

/** Arrow keys walk along the points; Enter marks one end, then the other, and zooms; minus widens; Escape leaves. */
function steer(plot, event, mark, { onZoom, onWiden }) {
  if (!plot || event.altKey || event.ctrlKey || event.metaKey) return;
  const far = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
  if (far !== undefined) walk(plot, far * (event.shiftKey ? 10 : 1), mark);
  else if (event.key === "Enter" || event.key === " ") markEnd(plot, mark, onZoom);
  else if (event.key === "-") onWiden();
  else if (event.key === "Escape") (unmark(plot, mark), away(plot));
  else return;
  event.preventDefault();
}

function walk(plot, by, mark) {
  const last = plot.data[0].length - 1;
  const from = plot.cursor.left >= 0 && plot.cursor.idx != null ? plot.cursor.idx : last;
  const to = plot.data[0][Math.max(0, Math.min(last, from + by))];
  plot.setCursor({ left: plot.valToPos(to, "x"), top: 10 }, true, true);
  if (mark.fromS !== null) show(plot, mark.fromS, to);
}

function show(plot, aS, bS) {
  const [left, right] = [aS, bS].map((each) => plot.valToPos(each, "x")).sort((a, b) => a - b);
  plot.setSelect({ left, top: 0, width: right - left, height: plot.bbox.height / devicePixelRatio }, false);
}

function markEnd(plot, mark, onZoom) {
  const at = moment.peek();
  if (at === null) return;
  const { fromS } = mark;
  if (fromS === null || fromS === at) {
    mark.fromS = at;
    return;
  }
  unmark(plot, mark);
  onZoom({ startS: Math.min(fromS, at), endS: Math.max(fromS, at) });
}
