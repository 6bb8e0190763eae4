// A query's text in coloured pieces.
import { html } from "../ui.js";
import { tokenize, pairAt } from "./tokens.js";
import { tokenizeSql } from "./sql_words.js";

const LONGEST_PAINTED = 20_000;

/** Pieces of the text: words by kind, the paired brackets at the caret, and where the trouble is. */
export function paint(text, language, caret, wrong) {
  if (text.length > LONGEST_PAINTED) return text;
  const tokens = language === "sql" ? tokenizeSql(text) : tokenize(text);
  const pair = caret < 0 ? [] : pairAt(tokens, caret);
  const at = wrong?.place == null ? -1 : troubled(tokens, wrong.place, text.length);
  const pieces = tokens.map((token, i) => {
    const matched = token.kind === "bracket" && pair.includes(token.start) ? (pair.length === 2 ? " paired" : " alone") : "";
    return html`<span key=${i} class=${`t-${token.kind}${matched}${i === at ? " trouble" : ""}`}>${token.text}</span>`;
  });
  if (wrong?.place != null && at < 0) pieces.push(html`<span key="end" class="trouble"> </span>`);
  return pieces;
}

/** The token at a place; -1 where the text ends before it. */
function troubled(tokens, place, length) {
  if (place >= length) return -1;
  const at = tokens.findIndex((token) => token.end > place);
  return tokens[at].kind === "space" && tokens[at + 1] ? at + 1 : at;
}
