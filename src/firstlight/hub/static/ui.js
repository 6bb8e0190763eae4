// What every view needs to draw: the tag function, hooks and signals.
import { h, render } from "./vendor/preact.js";
import htm from "./vendor/htm.js";

export const html = htm.bind(h);
export { render };
export { useEffect, useMemo, useRef, useState } from "./vendor/preact-hooks.js";
export { batch, computed, effect, signal, untracked, useSignal } from "./vendor/signals.js";

/** Any JSON value as text; what others send is shown, never interpreted. */
export const text = (value) => (typeof value === "string" ? value : value == null ? "" : JSON.stringify(value));
