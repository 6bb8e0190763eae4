// Which of many words are meant by a few letters.  Pure: no page, no network.

const MOST = 60;
const USUAL = new Set("rate sum avg max min count increase topk histogram_quantile by where from select".split(" "));

/** What is written most often comes first among equals. */
const usual = ({ text, kind }) => (kind !== "label" && USUAL.has(text) ? 0 : 1);

/** Those that have the letters in their order; the nearer to the beginning and the closer together, the earlier. */
export function best(offers, typed) {
  if (!typed) return offers.slice(0, MOST);
  const ranked = [];
  for (const offer of offers) {
    const rank = rankOf(offer.text.toLowerCase(), typed.toLowerCase());
    if (rank !== null) ranked.push([rank, offer]);
  }
  ranked.sort(([a, one], [b, other]) => a - b || usual(one) - usual(other) || one.text.length - other.text.length || (one.text < other.text ? -1 : 1));
  return ranked.slice(0, MOST).map(([, offer]) => offer);
}

function rankOf(text, typed) {
  if (text.startsWith(typed)) return 0;
  const inside = text.indexOf(typed);
  if (inside >= 0) return text[inside - 1] === "_" ? 1 : 2;
  let at = -1;
  for (const letter of typed) {
    at = text.indexOf(letter, at + 1);
    if (at < 0) return null;
  }
  return typed.length > 2 ? 3 : null;
}
