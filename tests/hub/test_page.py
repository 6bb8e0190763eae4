"""The page in a real browser, over a real hub that measures this machine: what it shows and how it is used."""

import re
from collections.abc import Iterator
from itertools import pairwise

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.hub.page_session import WATCH_POLICY, Hub, look, opened, running_hub, until

CHARTS = ("cpu", "memory", "load", "network", "disk")
# How many pixels of a chart's canvas have anything drawn on them, and what they look like.
CANVAS = """(id) => {
    const canvas = document.querySelector(`[data-plot=${id}] canvas`);
    const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    let drawn = 0;
    for (let at = 3; at < data.length; at += 4) if (data[at]) drawn += 1;
    return { drawn, picture: canvas.toDataURL() };
}"""
KNOWN_POINTS = """(id) => document.querySelector(`[data-plot=${id}]`).uplot.data.slice(1)
    .map((line) => line.filter((value) => value != null).length)"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with running_hub(tmp_path_factory.mktemp("page")) as running:
        yield running


@pytest.fixture(scope="module")
def surroundings(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context
    context.close()


@pytest.fixture
def page(surroundings: BrowserContext, hub: Hub) -> Iterator[Page]:
    page = look(surroundings, hub)
    yield page
    page.evaluate("localStorage.clear()")
    page.close()


def row(page: Page, name: str) -> str:
    return f"#events li.event:has(b:text-is('{name}'))"


def test_it_loads_from_the_hub_alone_without_an_error(browser: Browser, hub: Hub) -> None:
    context = browser.new_context()
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.add_init_script(WATCH_POLICY)
    answer = page.goto(hub.url)
    page.wait_for_selector("#link[data-state=live]")
    page.wait_for_selector("[data-plot=cpu] canvas")
    page.wait_for_selector("[data-part=host]")
    assert said == []
    assert page.evaluate("refused") == []
    assert page.inner_text(".problems") == ""
    assert page.title() == "Firstlight"
    assert {url for url in asked if not url.startswith(hub.url)} == set()
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    context.close()


def test_charts_move(page: Page) -> None:
    page.keyboard.press("1")
    until(page, "document.querySelector('[data-plot=cpu]').uplot.data[0].length > 20")
    before = {chart: page.evaluate(CANVAS, chart) for chart in CHARTS}
    seen = page.locator("[data-plot=cpu]").screenshot()
    last = page.evaluate("Number(document.querySelector('[data-plot=cpu]').dataset.last)")
    until(page, f"Number(document.querySelector('[data-plot=cpu]').dataset.last) >= {last + 3}")
    after = {chart: page.evaluate(CANVAS, chart) for chart in CHARTS}
    for chart in CHARTS:
        assert after[chart]["drawn"] > 500, chart
        assert after[chart]["picture"] != before[chart]["picture"], chart
    assert page.locator("[data-plot=cpu]").screenshot() != seen
    assert all(count >= 2 for chart in CHARTS for count in page.evaluate(KNOWN_POINTS, chart))


def test_every_line_lies_inside_its_scale(page: Page) -> None:
    # the scale of memory ends at all there is, however late that is known
    until(page, "document.querySelector('[data-plot=memory]').uplot.scales.y.max > 64 * 2 ** 20")
    for chart in CHARTS:
        top, highest = page.evaluate(
            """(id) => {
                const { data, scales } = document.querySelector(`[data-plot=${id}]`).uplot;
                return [scales.y.max, Math.max(...data.slice(1).flat().filter((value) => value != null))];
            }""",
            chart,
        )
        assert highest <= top * 1.001, chart


def test_history_is_drawn_and_the_trouble_is_said_where_the_stream_does_not_come(browser: Browser, hub: Hub) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.route("**/api/stream*", lambda route: route.fulfill(status=503, body="{}"))
    page.goto(hub.url)
    page.wait_for_selector("#link[data-state=reconnecting]")
    page.wait_for_selector("[data-plot=memory] canvas")
    page.keyboard.press("1")
    until(page, f"(id) => ({KNOWN_POINTS})(id)[0] >= 3", "memory")
    context.close()


def test_a_refused_question_is_shown_with_the_hubs_own_words(page: Page) -> None:
    ask = "get('/api/events', { level: 'LOUD' }, 'question').catch(() => 0)"
    page.evaluate(f"import('/static/api.js').then(({{ get }}) => {ask})")
    shown = page.locator(".problems p", has_text="question")
    shown.wait_for()
    assert "no level 'LOUD'" in shown.inner_text()
    shown.get_by_role("button").click()
    shown.wait_for(state="detached")


def test_health_shows_every_part_with_its_reason(page: Page, hub: Hub) -> None:
    report = hub.get("/api/health")
    page.wait_for_selector("#health[data-state]")
    assert page.get_attribute("#health", "data-state") in {"critical", "degraded", "healthy", "optimal", "unknown"}
    assert re.fullmatch(r"[01]\.\d\d|–", page.inner_text("#health .whole .score"))
    for part in report["overall"]["parts"]:
        line = page.locator(f".made > .parts > [data-part='{part['name']}']")
        assert len(line.locator(".evidence").first.inner_text()) > 10
        line.get_by_role("button").first.click()
        for inner in report["subsystems"][part["name"]]["parts"]:
            shown = line.locator(f".inner [data-part='{inner['name']}']")
            score = shown.locator(".score").inner_text()
            assert (score == "unknown") == (shown.get_attribute("data-score") == "unknown")
            assert shown.locator(".weight").inner_text().startswith("weight")
            assert (score == "unknown") or re.fullmatch(r"[01]\.\d\d", score)


def test_an_unknown_score_is_never_drawn_as_zero(page: Page) -> None:
    shown = page.evaluate("""async () => {
        const { HealthView } = await import("/static/views/health.js");
        const { html, render } = await import("/static/ui.js");
        const { health } = await import("/static/state.js");
        const part = { name: "heat", score: null, weight: 1, evidence: "no sensor", source: "" };
        const place = document.createElement("div");
        const before = health.value;
        const overall = { score: null, state: "unknown", parts: [part] };
        health.value = { time_ns: Date.now() * 1e6, overall, subsystems: {} };
        render(html`<${HealthView} />`, place);
        const out = [place.querySelector("h1").textContent, place.querySelector(".part .score").textContent,
            place.querySelectorAll(".part .fill, .needle").length];
        render(null, place);
        health.value = before;
        return out;
    }""")
    assert shown == ["Not enough is known yet.", "unknown", 0]


def test_an_event_appears_live_and_filters_hide_it(page: Page, hub: Hub) -> None:
    hub.record("order_placed", body="cart 4711 was paid", attributes={"order_id": "4711"})
    placed = page.locator(row(page, "order_placed"))
    placed.wait_for()
    page.select_option("#event-level", "WARN")
    placed.wait_for(state="detached")
    hub.record("still_quiet")
    hub.record("payment_refused", level="ERROR")
    page.locator(row(page, "payment_refused")).wait_for()
    assert page.locator(row(page, "still_quiet")).count() == 0
    page.select_option("#event-level", "TRACE")
    placed.wait_for()
    page.fill("#event-text", "4711")
    page.locator(row(page, "payment_refused")).wait_for(state="detached")
    assert placed.count() == 1
    page.fill("#event-text", "")
    hub.record("elsewhere", scope="depot.door")
    page.locator(row(page, "elsewhere")).wait_for()
    page.select_option("#event-subsystem", "depot")
    placed.wait_for(state="detached")
    assert page.locator(row(page, "elsewhere")).count() == 1


def test_a_row_opens_to_everything_the_event_carries(page: Page, hub: Hub) -> None:
    hub.record("opened", attributes={"order_id": "4711", "who": "ada"})
    opened_row = page.locator(row(page, "opened"))
    button = opened_row.get_by_role("button")
    opened_row.wait_for()
    page.focus("#events ol")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.textContent").count("opened") == 1
    page.keyboard.press("Enter")
    details = opened_row.locator(".details").inner_text()
    assert button.get_attribute("aria-expanded") == "true"
    assert '"order_id": "4711"' in details
    assert "0af7651916cd43dd8448eb211c80319c" in details


def test_a_list_held_still_waits_and_then_catches_up(page: Page, hub: Hub) -> None:
    page.click("#event-hold")
    hub.record("while_held")
    until(page, "/1 waiting/.test(document.querySelector('#event-hold').textContent)")
    assert page.locator(row(page, "while_held")).count() == 0
    page.click("#event-hold")
    page.locator(row(page, "while_held")).wait_for()


def test_a_flood_of_events_leaves_a_bounded_list_with_the_newest_on_top(page: Page, hub: Hub) -> None:
    for number in range(2):
        hub.record_many([f"flood_{number}_{each}" for each in range(400)])
    until(page, "document.querySelector('#events li.event b')?.textContent === 'flood_1_399'")
    assert page.locator("#events li.event").count() == 150
    page.click("#event-older")
    assert page.locator("#events li.event").count() == 500
    assert page.get_attribute("#link", "data-state") == "live"


def test_a_paused_page_stands_still(page: Page, hub: Hub) -> None:
    page.keyboard.press("p")
    page.wait_for_selector("#link[data-state=paused]")
    last = page.get_attribute("[data-plot=cpu]", "data-last")
    hub.record("while_paused")
    page.wait_for_timeout(2500)
    assert page.get_attribute("[data-plot=cpu]", "data-last") == last
    assert page.locator(row(page, "while_paused")).count() == 0
    page.keyboard.press("p")
    page.wait_for_selector("#link[data-state=live]")
    page.locator(row(page, "while_paused")).wait_for()


def test_who_sends_is_shown_with_counts(page: Page, hub: Hub) -> None:
    hub.record("counted", service="counted-service")
    line = page.locator("[data-service='counted-service']")
    line.wait_for()
    assert line.locator("[data-label=events]").inner_text().split()[0] == "1"
    assert page.locator("[data-service='host']").count() == 1


def test_any_metric_can_be_charted(page: Page, hub: Hub) -> None:
    hub.measure("queue_depth", [3, 4, 5, 9], {"queue": "orders"})
    page.keyboard.press("1")
    page.keyboard.press("m")
    page.keyboard.type("queue_d")
    page.wait_for_timeout(1500)
    assert page.input_value("#metric") == "queue_d"
    page.keyboard.type("epth")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-plot=explorer] canvas")
    assert "9" in page.inner_text("#explorer .legend")
    assert page.evaluate(KNOWN_POINTS, "explorer") == [4]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_the_systems_colours_and_remembers_a_choice(browser: Browser, hub: Hub, scheme: str) -> None:
    brightness = "Number(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])"
    with opened(browser, hub, color_scheme=scheme) as page:
        assert (page.evaluate(brightness) > 128) == (scheme == "light")
        before = page.evaluate(CANVAS, "load")["picture"]
        other = "dark" if scheme == "light" else "light"
        while page.evaluate("document.documentElement.dataset.theme") != other:
            page.keyboard.press("t")
            page.wait_for_timeout(50)
        assert (page.evaluate(brightness) > 128) == (other == "light")
        assert page.evaluate(CANVAS, "load")["picture"] != before
        page.reload()
        page.wait_for_selector("[data-plot=cpu] canvas")
        assert (page.evaluate(brightness) > 128) == (other == "light")


@pytest.mark.parametrize("width", [400, 768, 1280])
def test_nothing_is_wider_than_the_window(browser: Browser, hub: Hub, width: int) -> None:
    hub.record("x" * 300, body="y" * 400, attributes={"z" * 200: "w" * 500}, service="s" * 120, scope="a" * 150)
    with opened(browser, hub, width=width) as page:
        wide = page.locator("#events li.event", has_text="x" * 300).first
        wide.get_by_role("button").click()
        page.locator("[data-part=host]").get_by_role("button").first.click()
        page.keyboard.press("Escape")
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate("document.querySelector('[data-plot=cpu]').uplot.width") < width


def test_charts_follow_the_window(page: Page) -> None:
    page.set_viewport_size({"width": 700, "height": 900})
    until(page, "document.querySelector('[data-plot=cpu]').uplot.width < 340")
    page.set_viewport_size({"width": 500, "height": 900})
    until(page, "document.querySelector('[data-plot=cpu]').uplot.width > 400")


def test_everything_is_reached_by_tab_and_shows_where_it_is(page: Page) -> None:
    reached = set()
    for _ in range(80):
        page.keyboard.press("Tab")
        name, outline = page.evaluate("""() => {
            const at = document.activeElement;
            return [at.id || at.dataset.plot || at.dataset.span || "", getComputedStyle(at).outlineStyle];
        }""")
        assert outline != "none", name
        reached.add(name)
        if name == "metric":
            break
    tools = {"5m", "15m", "1h", "6h", "pause", "theme", "help"}
    assert {*tools, *CHARTS, "event-level", "event-text", "event-hold", "metric"} <= reached


def test_every_control_has_a_name_and_headings_do_not_skip(page: Page) -> None:
    nameless = page.evaluate("""() => [...document.querySelectorAll("button, select, input, a, [role=group], summary")]
        .filter((each) => !(each.getAttribute("aria-label") || each.textContent.trim() || each.closest("label")))
        .map((each) => each.outerHTML)""")
    assert nameless == []
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((each) => each.id)")
    assert len(ids) == len(set(ids))
    levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3')].map((each) => Number(each.tagName[1]))")
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_shortcuts_are_listed_and_work(page: Page) -> None:
    page.keyboard.press("?")
    page.locator("dialog").wait_for()
    assert "crosshair" in page.inner_text("dialog")
    page.keyboard.press("Escape")
    page.locator("dialog").wait_for(state="hidden")
    page.keyboard.press("2")
    page.wait_for_selector("[data-span='15m'][aria-pressed=true]")
    for key, place in {"h": "health", "c": "charts", "r": "processes", "s": "sources"}.items():
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.id") == place
    page.keyboard.press("/")
    page.keyboard.type("p?t")
    assert page.input_value("#event-text") == "p?t"
    assert page.get_attribute("#link", "data-state") == "live"


def test_arrow_keys_move_one_crosshair_through_all_charts(page: Page) -> None:
    plots = "[...document.querySelectorAll('#charts [data-plot]')]"
    until(page, f"{plots}.length === {len(CHARTS)} && {plots}.every((each) => each.uplot?.data[0].length > 1)")
    page.focus("[data-plot=cpu]")
    page.keyboard.press("ArrowLeft")
    until(page, "/at \\d\\d:\\d\\d/.test(document.querySelector('#charts .bar').textContent)")
    until(page, f"{plots}.every((each) => each.uplot.cursor.left >= 0)")
    page.keyboard.press("Escape")
    until(page, "/the last/.test(document.querySelector('#charts .bar').textContent)")


def test_what_others_send_stays_text(page: Page, hub: Hub) -> None:
    attack = '<img src=x onerror="window.harmed=1"><script>window.harmed=1</script>'
    hub.record(attack, body=attack, attributes={attack: attack}, scope=attack, service=attack)
    hub.measure("attack_depth", [1, 2, 3], {"label": attack, "__proto__": "x"}, service=attack)
    line = page.locator("#events li.event", has_text="<img src=x").first
    line.get_by_role("button").click()
    assert attack in line.locator("b").inner_text()
    page.locator("#sources tr", has_text="<img src=x").wait_for()
    page.fill("#metric", "attack_depth")
    page.press("#metric", "Enter")
    page.locator("#explorer .legend", has_text="<img src=x").wait_for()
    assert page.evaluate("window.harmed") is None
    assert page.locator("#app img").count() == 0
    assert page.locator("#app script").count() == 0
    assert page.evaluate("refused") == []
