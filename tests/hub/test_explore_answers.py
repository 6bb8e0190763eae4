"""The explore page in a real browser over a real hub: what is drawn, listed and said, and the time it is of."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.hub.explore_session import drag, drawn, explore, filled, new_page, said, window
from tests.hub.page_session import Hub, running_hub, until


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with running_hub(tmp_path_factory.mktemp("explore")) as running:
        yield filled(running)


@pytest.fixture
def surroundings(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context
    context.close()


@pytest.fixture
def page(surroundings: BrowserContext) -> Page:
    return new_page(surroundings)


def test_a_failed_evaluation_says_so_and_what_to_do(page: Page, hub: Hub) -> None:
    explore(page, hub, ("promql", "queue_depth * on (job) queue_depth"))
    refusal = page.locator(".refusal")
    refusal.wait_for()
    assert "many-to-many" in refusal.inner_text()
    assert "part to change" in refusal.inner_text()


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
    explore(page, hub, ("from", "5m"), ("every", "1s"), ("promql", "many_depth"))
    until(page, "document.querySelector('[data-chart]')?.uplot?.series.length === 61")
    assert "first 60 of 70" in page.inner_text(".outcome")


def test_it_asks_again_by_itself_where_that_is_wanted(page: Page, hub: Hub) -> None:
    explore(page, hub, ("from", "5m"), ("every", "1s"), ("promql", "queue_depth"))
    drawn(page)
    before = window(page)[1]
    until(page, f"document.querySelector('.window').dataset.end > {before + 1.5}")


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
