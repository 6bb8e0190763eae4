// The page: one column of views under one bar, and its keys.
import { html, render, useEffect, useSignal } from "./ui.js";
import { chooseTheme, nextTheme, paused } from "./state.js";
import { SPANS } from "./grid.js";
import { pause, start } from "./live.js";
import { Bar, Foot, Help, takeSpan } from "./views/bar.js";
import { Charts } from "./views/charts.js";
import { EventsView } from "./views/events.js";
import { Explorer } from "./views/explorer.js";
import { HealthView } from "./views/health.js";
import { Problems, watchErrors } from "./views/problems.js";
import { Processes } from "./views/processes.js";
import { Sources } from "./views/sources.js";

const PLACES = { h: "health", c: "charts", r: "processes", s: "sources", e: "events", m: "explorer" };
const FIRST_FIELD = { events: "#event-level", explorer: "#metric" };

const writing = (target) => target.closest("input, textarea, select, dialog") !== null;

function goTo(place) {
  const section = document.getElementById(place);
  const field = FIRST_FIELD[place] && section.querySelector(FIRST_FIELD[place]);
  const target = field ?? section;
  if (target === section) section.tabIndex = -1;
  target.focus({ preventScroll: true });
  section.scrollIntoView({ block: "start" });
}

function onKey(event, help) {
  if (event.ctrlKey || event.altKey || event.metaKey || writing(event.target)) return;
  const { key } = event;
  if (key === "?") help.value = true;
  else if (key === "p") pause(!paused.value);
  else if (key === "t") chooseTheme(nextTheme());
  else if (key === "x") location.assign("/explore");
  else if (key === "/") document.getElementById("event-text").focus();
  else if (key in PLACES) goTo(PLACES[key]);
  else if (SPANS[Number(key) - 1]) takeSpan(SPANS[Number(key) - 1].key);
  else return;
  event.preventDefault();
}

function Page() {
  const help = useSignal(false);
  useEffect(() => {
    const keys = (event) => onKey(event, help);
    document.addEventListener("keydown", keys);
    return () => document.removeEventListener("keydown", keys);
  }, []);
  return html`<a class="skip" href="#health">Skip to health</a>
    <${Bar} help=${() => (help.value = true)} />
    <${Problems} />
    <main>
      <${HealthView} />
      <${Charts} />
      <div class="pair"><${Processes} /><${Sources} /></div>
      <${EventsView} />
      <${Explorer} />
    </main>
    <${Foot} />
    <${Help} open=${help} />`;
}

watchErrors();
const root = document.getElementById("app");
root.replaceChildren();
render(html`<${Page} />`, root);
start();
