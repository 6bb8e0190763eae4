// Which stretch of time is looked at, how finely, and how often anew.
import { html, useSignal } from "../ui.js";
import { clock, day, duration } from "../format.js";
import { ask, go, lookAt, lookBack, moment, nowS, place, windowNow } from "./session.js";
import { chosenStep, EVERY, isRelative, lengthS, lengthText, momentS, moved, RELATIVE, widened } from "./times.js";

const pad = (n) => String(n).padStart(2, "0");

/** A moment as a field of local date and time has it. */
function localText(seconds) {
  const at = new Date(seconds * 1000);
  return `${day(at.getTime())}T${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
}

/** The fields keep what is typed while the page asks anew; only another choice of time fills them again. */
function Absolute() {
  const now = place.value;
  const { startS, endS } = windowNow();
  const wrong = useSignal("");
  const take = (event) => {
    event.preventDefault();
    const [from, to] = ["from", "to"].map((name) => momentS(event.target.elements[name].value));
    if (from === null || to === null) wrong.value = "Give both a date and a time.";
    else if (to <= from) wrong.value = "The end has to be after the beginning.";
    else {
      wrong.value = "";
      lookAt({ startS: from, endS: to });
    }
  };
  return html`<form class="absolute" onSubmit=${take}>
    <label>from <input type="datetime-local" name="from" step="1" defaultValue=${localText(startS)} key=${`from ${now.from} ${now.to}`} /></label>
    <label>to <input type="datetime-local" name="to" step="1" defaultValue=${localText(endS)} key=${`to ${now.from} ${now.to}`} /></label>
    <button>Show</button>${wrong.value && html`<span class="wrong" role="alert">${wrong.value}</span>`}
  </form>`;
}

/** A length typed by hand; what is no length is said and not taken. */
function Length({ label, value, placeholder, take, id }) {
  const wrong = useSignal(false);
  const changed = (event) => {
    const text = event.target.value.trim();
    wrong.value = text !== "" && lengthS(text) === null;
    if (!wrong.value) take(text);
  };
  return html`<label class="length">${label} <input id=${id} key=${value} defaultValue=${value} placeholder=${placeholder} size="6" aria-invalid=${wrong.value} autocomplete="off"
    title="a length of time, such as 90s, 2h or 1d" onChange=${changed} />${wrong.value && html`<span class="wrong" role="alert">such as 90s, 2h, 1d</span>`}</label>`;
}

export function Range({ widthPx }) {
  nowS.value;
  const now = place.value;
  const window = windowNow();
  const relative = isRelative(now);
  const isOpen = useSignal(false);
  const spanS = window.endS - window.startS;
  const stepS = chosenStep(now.step, spanS, widthPx);
  const custom = relative && !RELATIVE.includes(now.from) ? now.from : "";
  const setStep = (step) => (go({ step }), ask());
  return html`<div class="range" role="group" aria-label="Time">
    <div class="choices" role="group" aria-label="Look back">
      ${RELATIVE.map((each) => html`<button key=${each} data-from=${each} aria-pressed=${relative && now.from === each} onClick=${() => lookBack(each)}>${each}</button>`)}
      <button id="absolute" aria-pressed=${!relative} aria-expanded=${isOpen.value || !relative} onClick=${() => (isOpen.value = !isOpen.value)}>from – to</button>
    </div>
    <${Length} id="custom" label="last" value=${custom} placeholder="3h" take=${(text) => text && lookBack(text)} />
    <div class="choices" role="group" aria-label="Move the time">
      <button onClick=${() => lookAt(moved(window, -1, nowS.value))} aria-label="Earlier">←</button>
      <button id="widen" onClick=${() => lookAt(widened(window, 2, nowS.value))} aria-label="Zoom out">−</button>
      <button onClick=${() => lookAt(widened(window, 0.5, nowS.value))} aria-label="Zoom in">+</button>
      <button onClick=${() => lookAt(moved(window, 1, nowS.value))} disabled=${relative} aria-label="Later">→</button>
    </div>
    <${Length} id="step" label="step" value=${now.step} placeholder=${`auto ${lengthText(stepS)}`} take=${setStep} />
    <label class="length">every <select id="every" onChange=${(event) => (go({ every: event.target.value }), ask())}>
      <option value="">never</option>${EVERY.map((each) => html`<option key=${each} value=${each} selected=${now.every === each}>${each}</option>`)}
      ${now.every && !EVERY.includes(now.every) && html`<option value=${now.every} selected>${now.every}</option>`}</select></label>
    ${(isOpen.value || !relative) && html`<${Absolute} />`}
    <p class="note window" data-start=${window.startS} data-end=${window.endS} data-step=${stepS}><${Window} window=${window} stepS=${stepS} /></p>
  </div>`;
}

const at = (seconds) => `${day(seconds * 1000)} ${clock(seconds)}`;

/** The stretch in words, or the crosshair's moment. */
function Window({ window, stepS }) {
  if (moment.value !== null) return html`at ${at(moment.value)}`;
  const begins = window.isWrong ? "The address names no stretch of time, so this is the last hour: " : "";
  return html`${begins}${at(window.startS)} to ${at(window.endS)}, ${duration(window.endS - window.startS)}, a point each ${lengthText(stepS)}`;
}
