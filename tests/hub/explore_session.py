"""The explore page in a browser: how a test opens it, writes into it and reads it."""

from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlsplit

from playwright.sync_api import BrowserContext, Page

from tests.hub.page_session import PATIENCE_MS, WATCH_POLICY, Hub, until

ATTACK = '<img src=x onerror="window.harmed=1"><script>window.harmed=1</script>'
OFFERS = "[...document.querySelectorAll('.offers:not([hidden]) [role=option] b')].map((each) => each.textContent)"


def filled(hub: Hub) -> Hub:
    """Return the hub with metrics of ours: two queues, and one whose sender means harm."""
    for queue, values in {"orders": [3.0, 4.0, 5.0, 9.0], "mails": [1.0, 1.0, 2.0, 2.0]}.items():
        hub.measure("queue_depth", values * 15, {"queue": queue})
    hub.measure("attack_depth", [1, 2, 3], {"label": ATTACK}, service=ATTACK)
    return hub


def new_page(surroundings: BrowserContext) -> Page:
    """Return an empty tab that collects what the policy refuses."""
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
