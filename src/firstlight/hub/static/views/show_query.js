// The way from a panel to its query.
import { html } from "../ui.js";
import { linkTo } from "../explore/place.js";
import { spanKey } from "../state.js";

/** Args: about: the panel's name; queries: as in `panel_queries`; window: another time than the page's. */
export function ShowQuery({ about, queries, window = { from: spanKey.value } }) {
  return html`<a class="show-query" href=${linkTo(queries, window)} title="show me the query" aria-label=${`Show the query of ${about}`}>query</a>`;
}
