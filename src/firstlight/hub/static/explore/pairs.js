// Brackets and quotes come in pairs while one types.  Pure: no page, no network.

const CLOSERS = { "(": ")", "[": "]", "{": "}", '"': '"' };

/**
 * What a key does to a text besides itself: `{insert, start, end, caret}` to put in the place of a stretch and where
 * the caret then stands, or null where the key only does what it says.
 */
export function paired(key, text, start, end) {
  if (key in CLOSERS && start !== end) return around(key, text, start, end);
  if (start !== end) return null;
  const [before, after] = [text[start - 1] ?? "", text[start] ?? ""];
  if (key === after && (Object.values(CLOSERS).includes(key))) return { insert: "", start, end, caret: start + 1 };
  if (key === "Backspace" && before && CLOSERS[before] === after) return { insert: "", start: start - 1, end: start + 1, caret: start - 1 };
  if (key in CLOSERS && /^$|[\s()[\]},]/.test(after) && !(key === '"' && /[\w"\\]/.test(before))) {
    return { insert: key + CLOSERS[key], start, end, caret: start + 1 };
  }
  return null;
}

const around = (key, text, start, end) => ({ insert: key + text.slice(start, end) + CLOSERS[key], start, end, caret: end + 1 });
