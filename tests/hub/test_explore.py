"""The explore page in a real browser over a real hub: queries are written, run, drawn and linked to."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.hub.page_session import PATIENCE_MS, WATCH_POLICY, Hub, running_browser, running_hub, until

ATTACK = '<img src=x onerror="window.harmed=1"><script>window.harmed=1</script>'
OFFERS = "[...document.querySelectorAll('.offers:not([hidden]) [role=option] b')].map((each) => each.textContent)"
SQL = "select name, count(*) as many from metrics where name = 'queue_depth' group by all"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with running_hub(tmp_path_factory.mktemp("explore")) as running:
        for queue, values in {"orders": [3.0, 4.0, 5.0, 9.0], "mails": [1.0, 1.0, 2.0, 2.0]}.items():
            running.measure("queue_depth", values * 15, {"queue": queue})
        running.measure("attack_depth", [1, 2, 3], {"label": ATTACK}, service=ATTACK)
        yield running


@pytest.fixture(scope="module")
def browser(chromium_path: Path) -> Iterator[Browser]:
    with running_browser(chromium_path) as running:
        yield running


@pytest.fixture
def surroundings(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context
    context.close()


@pytest.fixture
def page(surroundings: BrowserContext) -> Page:
    page = surroundings.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.add_init_script(WATCH_POLICY)
    return page


def address(*pairs: tuple[str, str]) -> str:
    return "/explore#" + "&".join(f"{name}={quote_plus(value)}" for name, value in pairs)


def explore(page: Page, hub: Hub, *pairs: tuple[str, str]) -> None:
    page.goto(hub.url + address(*pairs))
    page.wait_for_selector(".query textarea")


def said(page: Page) -> list[tuple[str, str]]:
    """Return what the address says."""
    return parse_qsl(urlsplit(page.url).fragment)


def window(page: Page) -> tuple[float, float]:
    start, end = page.evaluate("(({ start, end }) => [start, end])(document.querySelector('.window').dataset)")
    return float(start), float(end)


def drawn(page: Page, at: int = 0) -> Any:
    """Wait for a chart; return its lines' names."""
    until(page, f"document.querySelectorAll('[data-chart]')[{at}]?.uplot?.data.length > 1")
    return page.evaluate(
        f"document.querySelectorAll('[data-chart]')[{at}].uplot.series.slice(1).map((each) => each.label)"
    )


def drag(page: Page, start_share: float, end_share: float) -> None:
    drawn(page)
    box = page.locator("[data-chart] .u-over").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * start_share, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * end_share, box["y"] + 60, steps=6)
    page.mouse.up()


def type_into(page: Page, text: str, query: str = "A") -> None:
    page.locator(f"[data-query={query}] textarea").focus()
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    page.keyboard.type(text)


def offered(page: Page, first: str) -> None:
    until(page, f"(first) => {OFFERS}[0] === first", first)


def test_it_loads_from_the_hub_alone_and_asks_nothing_yet(page: Page, hub: Hub) -> None:
    told: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(hub.url)
    page.click("nav a:text-is('Explore')")
    page.locator(".metric").first.wait_for()
    assert told == []
    assert page.evaluate("refused") == []
    assert all(url.startswith(hub.url) for url in asked)
    assert not [url for url in asked if "/api/v1/query" in url]
    assert page.locator(".examples a").count() > 2


def test_a_query_is_written_by_keyboard_alone(page: Page, hub: Hub) -> None:
    explore(page, hub)
    type_into(page, "sum by (que")
    offered(page, "queue")
    page.keyboard.press("Enter")
    page.keyboard.press("End")
    page.keyboard.type(" (queue_d")
    offered(page, "queue_depth")
    page.keyboard.press("Tab")
    page.keyboard.type("{")
    until(page, f"{OFFERS}.includes('queue')")
    page.keyboard.type("queu")
    offered(page, "queue")
    page.keyboard.press("Enter")
    offered(page, "mails")
    page.keyboard.press("ArrowDown")
    active = page.evaluate(
        "document.getElementById(document.activeElement.getAttribute('aria-activedescendant'))?.textContent"
    )
    assert "orders" in active
    page.keyboard.press("Enter")
    assert page.locator("[data-query=A] textarea").input_value() == 'sum by (queue) (queue_depth{queue="orders"})'
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    assert drawn(page) == ['{queue="orders"}']
    assert ("promql", 'sum by (queue) (queue_depth{queue="orders"})') in said(page)


def test_functions_are_offered_with_what_they_take_and_do(page: Page, hub: Hub) -> None:
    explore(page, hub)
    type_into(page, "rat")
    offered(page, "rate")
    assert "(v range)" in page.inner_text(".offers [aria-selected=true]")
    assert "growth per second" in page.inner_text(".explained")
    page.keyboard.press("Escape")
    assert page.evaluate(OFFERS) == []
    page.keyboard.press("Control+ ")
    offered(page, "rate")
    page.keyboard.press("Enter")
    page.keyboard.type("x")
    assert page.locator("[data-query=A] textarea").input_value() == "rate(x[5m])"


def test_an_error_is_marked_at_its_place(page: Page, hub: Hub) -> None:
    explore(page, hub)
    type_into(page, "sum(queue_depth) + * 2")
    wrong = page.locator("[data-query=A] .under .trouble")
    wrong.wait_for()
    assert wrong.inner_text() == "*"
    assert "1:20" in page.inner_text("[data-query=A] .wrong")
    assert page.get_attribute("[data-query=A] textarea", "aria-invalid") == "true"
    type_into(page, "sum(queue_depth) * 2")
    wrong.wait_for(state="detached")


def test_the_place_of_an_error_in_sql_is_marked_too(page: Page, hub: Hub) -> None:
    explore(page, hub, ("sql", "select *\nfrom metrics wher time > now()"))
    wrong = page.locator("[data-query=A] .under .trouble")
    wrong.wait_for()
    assert wrong.inner_text() == "time"
    assert "syntax error" in page.inner_text(".refusal")


def test_a_failed_evaluation_says_so_and_what_to_do(page: Page, hub: Hub) -> None:
    explore(page, hub, ("promql", "queue_depth * on (job) queue_depth"))
    refusal = page.locator(".refusal")
    refusal.wait_for()
    assert "many-to-many" in refusal.inner_text()
    assert "part to change" in refusal.inner_text()


def test_format_writes_the_query_as_it_is_usually_written(page: Page, hub: Hub) -> None:
    explore(page, hub)
    type_into(page, "sum(queue_depth)by(queue)")
    page.keyboard.press("Escape")
    page.keyboard.press("Alt+Shift+F")
    until(page, "document.querySelector('textarea').value === 'sum by (queue) (queue_depth)'")


def test_an_address_restores_everything(page: Page, hub: Hub) -> None:
    pairs = [
        *(("from", "2026-01-02T03:00:00.000Z"), ("to", "2026-01-02T04:00:00.000Z"), ("step", "2m"), ("every", "30s")),
        *(("metric", "queue_depth"), ("promql", "queue_depth"), ("draw", "stacked"), ("only", 'queue_depth{x="1"}')),
        *(("promql", "up # not asked"), ("show", "json"), ("hidden", "1"), ("sql", SQL), ("show", "chart")),
    ]
    explore(page, hub, *pairs)
    assert window(page)[1] - window(page)[0] == 3600
    assert page.get_attribute(".window", "data-step") == "120"
    assert page.input_value("#every") == "30s"
    assert page.locator("textarea").evaluate_all("(all) => all.map((each) => each.value)") == [
        "queue_depth",
        "up # not asked",
        SQL,
    ]
    assert page.get_attribute("[data-query=A] [data-choice=stacked]", "aria-pressed") == "true"
    assert "not asked" in page.inner_text("[data-query=B]")
    page.click("[data-query=C] [data-choice=table]")
    assert said(page) == [pair for pair in pairs if pair != ("show", "chart")]
    page.reload()
    page.wait_for_selector("[data-query=C] [data-choice=table][aria-pressed=true]")
    page.go_back()
    page.wait_for_selector("[data-query=C] [data-choice=chart][aria-pressed=true]")
    assert said(page) == pairs


def test_the_link_that_is_copied_has_what_is_written(page: Page, hub: Hub, surroundings: BrowserContext) -> None:
    surroundings.grant_permissions(["clipboard-read", "clipboard-write"], origin=hub.url)
    explore(page, hub, ("from", "15m"))
    type_into(page, "queue_depth")
    page.click("#copy-link")
    page.wait_for_selector("#copy-link:has-text('Copied')")
    copied = page.evaluate("navigator.clipboard.readText()")
    other = surroundings.new_page()
    other.goto(copied)
    assert len(drawn(other)) == 2


def test_dragging_over_a_chart_zooms_and_back_undoes_it(page: Page, hub: Hub) -> None:
    explore(page, hub, ("from", "15m"), ("promql", "queue_depth"))
    before = window(page)
    drag(page, 0.5, 0.75)
    until(page, "document.querySelector('.window').dataset.step === '1'")
    start, end = window(page)
    quarter = (before[1] - before[0]) / 4
    assert end - start == pytest.approx(quarter, rel=0.1)
    assert start == pytest.approx(before[0] + 2 * quarter, abs=15)
    page.go_back()
    page.wait_for_selector("[data-from='15m'][aria-pressed=true]")
    assert window(page)[1] - window(page)[0] == pytest.approx(900)


def test_keys_zoom_a_chart(page: Page, hub: Hub) -> None:
    explore(page, hub, ("from", "15m"), ("promql", "queue_depth"))
    drawn(page)
    page.focus("[data-chart]")
    for key in ("ArrowLeft", "Enter", "Shift+ArrowLeft", "Enter"):
        page.keyboard.press(key)
    until(page, "document.querySelector('.window').dataset.step === '1'")
    narrow = window(page)[1] - window(page)[0]
    assert 0 < narrow < 450
    page.focus("[data-chart]")
    page.keyboard.press("-")
    until(page, f"(({{ start, end }}) => end - start > {narrow * 1.9})(document.querySelector('.window').dataset)")


def test_one_crosshair_goes_through_all_charts(page: Page, hub: Hub) -> None:
    explore(page, hub, ("from", "15m"), ("promql", "queue_depth"), ("promql", "host_load_average"))
    assert len(drawn(page)) == 2
    assert len(drawn(page, 1)) == 3
    page.locator("[data-chart] .u-over").first.hover(position={"x": 300, "y": 80})
    until(page, "/^at /.test(document.querySelector('.window').textContent)")
    first, second = page.evaluate(
        "[...document.querySelectorAll('[data-chart]')].map(({ uplot: u }) => u.data[0][u.cursor.idx])"
    )
    assert first == second
    assert page.locator("thead:has-text('here')").count() == 2


def test_a_line_is_isolated_by_a_click_and_shown_with_its_figures(page: Page, hub: Hub) -> None:
    explore(page, hub, ("from", "5m"), ("promql", "queue_depth"))
    drawn(page)
    row = page.locator(".lines tbody tr", has_text="orders")
    assert row.locator("td").all_inner_texts()[1:3] == ["3", "9"]
    row.get_by_role("button").click()
    shown = "document.querySelector('[data-chart]').uplot.series.slice(1).map((each) => each.show)"
    until(page, f"{shown}.filter(Boolean).length === 1")
    assert [value for name, value in said(page) if name == "only"] == [row.get_by_role("button").get_attribute("title")]
    row.get_by_role("button").click()
    until(page, f"{shown}.every(Boolean)")


def test_stacked_lines_stand_on_each_other(page: Page, hub: Hub) -> None:
    explore(page, hub, ("from", "5m"), ("promql", "queue_depth"), ("draw", "stacked"))
    drawn(page)
    low, high = page.evaluate(
        "document.querySelector('[data-chart]').uplot.data.slice(1).map((ys) => ys.findLast((y) => y != null))"
    )
    assert (low, high) == (2, 11)


def test_sql_is_answered_as_a_table_that_sorts(page: Page, hub: Hub) -> None:
    explore(page, hub, ("sql", "select * from (values ('b', 2), ('a', 10), (null, 3)) as t(name, n)"))
    cells = page.locator(".rows tbody td:first-child")
    cells.first.wait_for()
    assert cells.all_inner_texts() == ["b", "a", "null"]
    page.click(".rows th button:text-is('n')")
    assert cells.all_inner_texts() == ["a", "null", "b"]
    page.click(".rows th button:text-is('name')")
    assert cells.all_inner_texts() == ["a", "b", "null"]


def test_sql_sees_the_chosen_time(page: Page, hub: Hub) -> None:
    query = (
        "select $from::timestamptz = '2026-01-02 03:00:00+00' and $to::timestamptz = '2026-01-02 04:00:00+00' as fits"
    )
    explore(page, hub, ("from", "2026-01-02T03:00:00Z"), ("to", "2026-01-02T04:00:00Z"), ("sql", query))
    assert page.locator(".rows td").inner_text() == "true"


def test_instant_answers_raw_answers_and_warnings_are_shown(page: Page, hub: Hub) -> None:
    explore(page, hub, ("promql", "rate(queue_depth[5m])"), ("show", "table"))
    page.locator(".rows td", has_text="orders").wait_for()
    assert "queue_depth" in page.inner_text(".said")
    page.click("[data-choice=json]")
    page.locator(".raw", has_text='"resultType": "matrix"').wait_for()


def test_many_series_are_drawn_in_part_and_that_is_said(page: Page, hub: Hub) -> None:
    for number in range(70):
        hub.measure("many_depth", [float(number)], {"n": str(number)})
    explore(page, hub, ("from", "5m"), ("promql", "many_depth"))
    assert len(drawn(page)) == 60
    assert "first 60 of 70" in page.inner_text(".outcome")


def test_metrics_are_found_and_put_into_the_query(page: Page, hub: Hub) -> None:
    explore(page, hub)
    page.fill("#metric-search", "network_rec")
    row = page.locator(".metric", has_text="host_network_received_bytes_total")
    assert "counter" in row.inner_text()
    assert "bytes" in row.inner_text()
    row.get_by_role("button").first.click()
    until(page, "document.querySelector('textarea').value === 'rate(host_network_received_bytes_total[5m])'")
    drawn(page)
    page.fill("#metric-search", "queue_depth")
    page.locator("[data-query=A] textarea").fill("")
    page.locator(".metric > button", has_text="queue_depth").click()
    page.locator(".labels summary", has_text="queue").click()
    value = page.locator(".label li button", has_text="orders")
    assert value.locator("b").inner_text() == "1"
    value.click()
    assert page.locator("textarea").input_value() == 'queue_depth{queue="orders"}'


def test_queries_are_added_duplicated_hidden_and_removed(page: Page, hub: Hub) -> None:
    explore(page, hub, ("promql", "queue_depth"))
    page.click("[aria-label='Duplicate query A']")
    page.click("#add-query")
    page.click("[aria-label='Hide query B']")
    assert [pair for pair in said(page) if pair[0] != "from"] == [
        *(("promql", "queue_depth"), ("promql", "queue_depth"), ("hidden", "1")),
    ]
    assert page.locator(".query").count() == 3
    page.click("[aria-label='Remove query B']")
    assert page.locator(".query").count() == 2
    drawn(page)
    assert page.locator(".outcome").count() == 1


def test_queries_that_ran_are_remembered(page: Page, hub: Hub) -> None:
    explore(page, hub, ("promql", "queue_depth"))
    drawn(page)
    type_into(page, "host_load_average")
    page.keyboard.press("Control+Enter")
    until(page, "document.querySelectorAll('.lines tbody tr').length === 3")
    page.click("button:text-is('History')")
    page.locator(".history li button", has_text="queue_depth").click()
    assert page.locator("textarea").input_value() == "queue_depth"


def test_it_asks_again_by_itself_where_that_is_wanted(page: Page, hub: Hub) -> None:
    explore(page, hub, ("from", "5m"), ("every", "1s"), ("promql", "queue_depth"))
    drawn(page)
    before = window(page)[1]
    until(page, f"document.querySelector('.window').dataset.end > {before + 1.5}")


def test_every_panel_of_the_overview_leads_to_its_query(page: Page, hub: Hub) -> None:
    page.goto(hub.url)
    page.wait_for_selector("[data-plot=cpu] canvas")
    until(page, "document.querySelectorAll('a.show-query').length >= 10")
    page.locator("[data-part=host]").get_by_role("button").first.click()
    page.locator("[data-part=host] .inner [data-part='cpu']").get_by_role("button").click()
    page.wait_for_selector(".source a.show-query")
    links = page.evaluate("[...document.querySelectorAll('a.show-query')].map((each) => each.href)")
    for link in links:
        page.goto("about:blank")
        page.goto(link)
        until(page, "[...document.querySelectorAll('.outcome')].length > 0")
        until(page, "[...document.querySelectorAll('.outcome')].every((each) => each.dataset.busy === 'false')")
        assert page.locator(".refusal").count() == 0, link
    page.goto(hub.url)
    page.locator("a[aria-label='Show the query of CPU']").click()
    assert len(drawn(page)) > 1


def test_what_others_send_stays_text(page: Page, hub: Hub) -> None:
    explore(
        page,
        hub,
        ("every", "2s"),
        ("promql", "attack_depth"),
        ("metric", "attack_depth"),
        ("sql", f"select '{ATTACK}' as a"),
    )
    page.locator(".lines", has_text="<img src=x").wait_for()
    page.locator(".rows td", has_text="<img src=x").wait_for()
    page.locator(".labels summary", has_text="label").first.click()
    page.locator(".label[open] li", has_text="<img src=x").wait_for()
    type_into(page, 'attack_depth{label="')
    until(page, f"{OFFERS}.some((each) => each.includes('<img src=x'))")
    page.goto(hub.url + address(("promql", ATTACK), ("from", ATTACK), ("only", ATTACK), ("metric", ATTACK)))
    page.wait_for_selector(".refusal")
    assert page.evaluate("window.harmed") is None
    assert page.locator("#app img, #app script").count() == 0
    assert page.evaluate("refused") == []


@pytest.mark.parametrize("width", [400, 768, 1280])
def test_nothing_is_wider_than_the_window(browser: Browser, hub: Hub, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    long = "x" * 300
    explore(page, hub, ("promql", "queue_depth"), ("sql", f"select '{long}' as {long[:60]}, * from metrics limit 3"))
    drawn(page)
    page.locator(".rows td").first.wait_for()
    type_into(page, f'queue_depth{{queue!="{long}", que')
    offered(page, "queue")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    context.close()


def test_everything_is_reached_by_tab_and_has_a_name(page: Page, hub: Hub) -> None:
    explore(page, hub, ("promql", "queue_depth"))
    drawn(page)
    nameless = page.evaluate("""() => [...document.querySelectorAll("button, select, input, textarea, a, [role=group]")]
        .filter((each) => !(each.getAttribute("aria-label") || each.textContent.trim() || each.closest("label")))
        .map((each) => each.outerHTML)""")
    assert nameless == []
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((each) => each.id)")
    assert len(ids) == len(set(ids))
    page.fill("#metric-search", "queue_depth")
    page.focus("#metric-search")
    reached = set()
    for _ in range(45):
        page.keyboard.press("Tab")
        name, outline = page.evaluate("""() => {
            const at = document.activeElement;
            const chart = at.matches("[data-chart]") ? "chart" : "";
            const name = at.id || at.dataset.from || at.dataset.choice || chart || at.textContent;
            return [name, getComputedStyle(at).outlineStyle];
        }""")
        assert outline != "none" or "add-query" in reached, name
        reached.add(name)
    assert {"15m", "absolute", "custom", "widen", "step", "every", "Run", "Format", "History", "Remove"} <= reached
    assert {"table", "stacked", "chart", "add-query"} <= reached


def test_a_custom_length_and_absolute_times_are_taken(page: Page, hub: Hub) -> None:
    explore(page, hub, ("promql", "queue_depth"))
    page.fill("#custom", "90m")
    page.press("#custom", "Enter")
    until(page, "location.hash.startsWith('#from=90m')")
    page.fill("#custom", "soon")
    page.press("#custom", "Enter")
    assert "such as" in page.inner_text(".length .wrong")
    page.click("#absolute")
    page.fill("[name=from]", "2026-01-02T03:00:00")
    page.fill("[name=to]", "2026-01-02T02:00:00")
    page.click(".absolute button")
    assert "after the beginning" in page.inner_text(".absolute .wrong")
    page.fill("[name=to]", "2026-01-02T05:00:00")
    page.click(".absolute button")
    until(page, "/&to=202[56]/.test(location.hash)")
    assert window(page)[1] - window(page)[0] == 7200
    page.locator(".outcome .none", has_text="No series has samples").wait_for()


def test_a_hub_that_is_away_is_said_with_what_to_do(page: Page, hub: Hub) -> None:
    explore(page, hub, ("promql", "queue_depth"))
    drawn(page)
    page.route("**/api/v1/**", lambda route: route.abort())
    page.click("[data-query=A] .run")
    page.locator(".refusal", has_text="firstlight up").wait_for()
    page.unroute("**/api/v1/**")
    page.click("[data-query=A] .run")
    page.locator(".refusal").wait_for(state="detached")
