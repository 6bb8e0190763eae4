"""The page's arithmetic, and its stream over a hub that dies and comes back."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.hub.page_session import Hub, opened, running_hub, until

# Runs a body with the grid's names and a span of 20 buckets of 1 s in scope; undefined becomes "between".
GRID = """async (body) => {
    const grid = await import("/static/grid.js");
    const run = new Function("grid", "span", body);
    const out = run(grid, { spanS: 20, stepS: 1 });
    return JSON.parse(JSON.stringify(out, (key, value) => (value === undefined ? "between" : value)));
}"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with running_hub(tmp_path_factory.mktemp("page")) as running:
        yield running


@pytest.fixture(scope="module")
def blank(browser: Browser, hub: Hub) -> Iterator[Page]:
    """A page of the hub without its policy, so that a test may run its own arithmetic."""
    context = browser.new_context(bypass_csp=True)
    page = context.new_page()
    page.goto(hub.url + "/static/css/tokens.css")
    yield page
    context.close()


def grid(page: Page, body: str) -> Any:
    return page.evaluate(GRID, body)


def test_a_bucket_is_the_mean_of_its_points(blank: Page) -> None:
    assert grid(blank, "const l = new grid.Line(span); l.add(100.1, 2); l.add(100.9, 4); return l.values(99, 101)") == [
        None,
        3,
        None,
    ]


def test_history_replaces_what_was_live(blank: Page) -> None:
    body = """const l = new grid.Line(span);
        l.add(100, 2); l.load([100, 101], [7, 8]); l.add(102, 9);
        return l.values(100, 102)"""
    assert grid(blank, body) == [7, 8, 9]


def test_the_pace_of_a_source_is_no_gap_but_silence_is(blank: Page) -> None:
    body = "const l = new grid.Line(span); for (const t of [100, 102, 104, 112]) l.add(t, t); return l.values(100, 112)"
    assert grid(blank, body) == [100, "between", 102, "between", 104, *[None] * 7, 112]


def test_a_line_keeps_no_more_than_its_window(blank: Page) -> None:
    body = """const l = new grid.Line(span);
        for (let t = 0; t < 1000; t += 1) l.add(t, t);
        return [l.size, l.at(999), l.at(900)]"""
    assert grid(blank, body) == [22, 999, None]


def test_a_live_counter_that_falls_began_anew_at_zero(blank: Page) -> None:
    body = """const l = new grid.RateLine(span);
        for (const [t, v] of [[100, 50], [101, 60], [102, 4], [103, 10]]) l.add(t, v);
        return l.values(100, 103)"""
    assert grid(blank, body) == [None, 10, 4, 6]


def test_means_of_a_counter_claim_nothing_where_they_fall(blank: Page) -> None:
    body = """const l = new grid.RateLine(span);
        l.load([100, 101, 102, 103, 104], [1000, 1010, 505, 3, 9]);
        return [100, 101, 102, 103, 104].map((bucket) => l.at(bucket))"""
    assert grid(blank, body) == [None, 10, None, None, 6]


def test_no_rate_is_drawn_across_a_silence(blank: Page) -> None:
    assert grid(blank, "const l = new grid.RateLine(span); l.add(100, 1); l.add(119, 900); return l.at(119)") is None


def test_a_sum_has_a_gap_only_where_all_have_one(blank: Page) -> None:
    assert grid(blank, "return grid.sum([[1, null, undefined, null], [2, 3, null, null]])") == [3, 3, "between", None]


def test_no_chart_has_more_than_600_buckets_or_so(blank: Page) -> None:
    for first, last in grid(
        blank, "return grid.SPANS.map((each) => { const w = grid.windowOf(each, 1e9); return [w.first, w.last] })"
    ):
        assert 250 <= last - first <= 600


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ("bytes(1536)", "1.5 KiB"),
        ("bytes(0)", "0 B"),
        ("bytes(1023.9 * 1024 ** 2)", "1 GiB"),
        ("percent(0.0512)", "5.1 %"),
        ("percent(0.999)", "100 %"),
        ("percent(null)", "–"),
        ("score(0.5999)", "0.59"),
        ("score(0.29)", "0.29"),
        ("score(null)", "–"),
        ("count(12345)", "12.3 k"),
        ("whole(1234567)", "1 234 567"),
        ("duration(0.00025)", "250 µs"),
        ("duration(3661)", "1 h 1 min"),
        ("perSecond(bytes)(2048)", "2 KiB/s"),
        ("plain(Infinity)", "+∞"),
        ("writerFor('', 'host_cpu_busy_ratio')(0.5)", "50 %"),
        ("writerFor('By', 'heap')(1024)", "1 KiB"),
        ("writerFor('ms', 'http.server.duration')(1500)", "1.5 s"),
    ],
)
def test_figures_are_written_with_their_units(blank: Page, call: str, text: str) -> None:
    written = blank.evaluate(
        """async (call) => {
            const format = await import("/static/format.js");
            return new Function(...Object.keys(format), `return ${call}`)(...Object.values(format));
        }""",
        call,
    )
    assert written.replace("\u202f", " ") == text


def test_a_page_that_nobody_sees_draws_nothing(browser: Browser, hub: Hub) -> None:
    with opened(browser, hub) as page:
        page.keyboard.press("1")
        page.evaluate("window.away = true; Object.defineProperty(document, 'hidden', { get: () => window.away })")
        last = page.get_attribute("[data-plot=cpu]", "data-last")
        page.wait_for_timeout(2500)
        assert page.get_attribute("[data-plot=cpu]", "data-last") == last
        page.evaluate("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")
        until(page, f"document.querySelector('[data-plot=cpu]').dataset.last !== '{last}'")


def test_it_comes_back_after_the_hub_did_and_misses_nothing(browser: Browser, hub: Hub) -> None:
    with opened(browser, hub) as page:
        hub.record("before_the_end", attributes={"zone": "b", "area": "a", "count": "1"})
        page.locator("#events li.event", has_text="before_the_end").get_by_role("button").click()
        hub.stop()
        page.wait_for_selector("#link[data-state=reconnecting]")
        page.locator(".problems p", has_text="the hub cannot be reached").wait_for()
        hub.start()
        hub.record("before_it_was_back")
        page.wait_for_selector("#link[data-state=live]")
        page.locator("#events b", has_text="before_it_was_back").wait_for()
        hub.record("after_it_was_back")
        page.locator("#events b", has_text="after_it_was_back").wait_for()
        for name in ("before_the_end", "before_it_was_back", "after_it_was_back"):
            assert page.locator("#events b", has_text=name).count() == 1, name
        assert page.locator("#events .details").count() == 1, "a row that was open stays open"
        until(page, "document.querySelector('.problems').textContent === ''")
        page.keyboard.press("c")
        last = page.evaluate("Number(document.querySelector('[data-plot=cpu]').dataset.last)")
        until(page, f"Number(document.querySelector('[data-plot=cpu]').dataset.last) > {last}")
