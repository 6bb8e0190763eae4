"""The explore page in a real browser over a real hub: queries are written, found again and linked to."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.hub.explore_session import (
    ATTACK,
    OFFERS,
    address,
    drawn,
    explore,
    filled,
    new_page,
    offered,
    said,
    type_into,
    window,
)
from tests.hub.page_session import Hub, running_hub, until

SQL = "select name, count(*) as many from metrics where name = 'queue_depth' group by all"


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
