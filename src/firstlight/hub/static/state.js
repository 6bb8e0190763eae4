// What the whole page shares.
import { signal } from "./ui.js";
import { SPANS } from "./grid.js";

/** A choice that the browser remembers, where it may. */
export function remembered(key, fallback) {
  const name = `firstlight.${key}`;
  const choice = signal(fallback);
  try {
    choice.value = localStorage.getItem(name) ?? fallback;
  } catch {
    // Storage may be forbidden; the choice then lasts as long as the page.
  }
  const keep = (value) => {
    choice.value = value;
    try {
      localStorage.setItem(name, value);
    } catch {
      // As above.
    }
  };
  return [choice, keep];
}

const [spanKey, keepSpan] = remembered("span", "1h");
export { spanKey };
export const span = () => SPANS.find((each) => each.key === spanKey.value) ?? SPANS[2];
export const chooseSpan = (key) => keepSpan(key);

const [theme, keepTheme] = remembered("theme", "auto");
export { theme };

export function chooseTheme(next) {
  if (next === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  keepTheme(next);
}

export const nextTheme = () => ({ auto: "light", light: "dark", dark: "auto" })[theme.value] ?? "light";

/** Counts redraws; a view that reads it is drawn again once a second while the page is seen and not paused. */
export const tick = signal(0);

/** "connecting", "live", "reconnecting", or "resting" while nobody sees the page. */
export const link = signal("connecting");
export const lostAtMs = signal(0);
export const paused = signal(false);

/** The moment under the crosshair in seconds; null when there is none. */
export const crosshair = signal(null);

export const health = signal(null);
export const status = signal(null);
