"""A real hub in a process of its own, and a browser that looks at it."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

LEVELS = {"INFO": 9, "WARN": 13, "ERROR": 17}
PATIENCE_MS = 15_000
# Collects what the content security policy refuses, from the first moment on.
WATCH_POLICY = """
    window.refused = [];
    document.addEventListener("securitypolicyviolation", (event) => refused.push(event.violatedDirective));
"""


class Hub:
    """``firstlight up`` with host metrics on a data directory; it can die and come back on the same port."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._process: subprocess.Popen[str] | None = None
        self.url = ""

    def start(self) -> None:
        port = self.url.rpartition(":")[2] or "0"
        command = [sys.executable, "-m", "firstlight", "up", "--port", port, "--data", str(self._data_dir)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert self._process.stdout is not None
        said = []
        for line in self._process.stdout:
            said.append(line)
            if " listens on " in line:
                self.url = line.split()[-1]
                return
        raise AssertionError("the hub did not start:\n" + "".join(said))

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.communicate(timeout=20)
            self._process = None

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=20) as answer:
            return json.load(answer)

    def post(self, path: str, body: Any) -> None:
        data = json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            assert answer.status == 200

    def record(
        self,
        name: str,
        level: str = "INFO",
        body: str = "",
        attributes: dict[str, str] | None = None,
        scope: str = "shop.cart",
        service: str = "shop",
    ) -> None:
        """Send one event."""
        record = {
            "timeUnixNano": str(time.time_ns()),
            "severityNumber": LEVELS[level],
            "eventName": name,
            "body": {"stringValue": body},
            "attributes": plain(attributes or {}),
            "traceId": "0af7651916cd43dd8448eb211c80319c",
            "spanId": "b7ad6b7169203331",
        }
        self._log([record], scope, service)

    def record_many(self, names: list[str]) -> None:
        """Send events in one delivery, a microsecond apart."""
        now_ns = time.time_ns()
        records = [
            {"timeUnixNano": str(now_ns + number * 1000), "severityNumber": 9, "eventName": name}
            for number, name in enumerate(names)
        ]
        self._log(records, "shop.cart", "shop")

    def _log(self, records: list[dict[str, Any]], scope: str, service: str) -> None:
        logs = {"scope": {"name": scope}, "logRecords": records}
        resource = {"attributes": plain({"service.name": service})}
        self.post("/v1/logs", {"resourceLogs": [{"resource": resource, "scopeLogs": [logs]}]})

    def measure(self, name: str, values: list[float], labels: dict[str, str], service: str = "shop") -> None:
        """Send a gauge's last seconds, one value each, the newest now."""
        now_ns = time.time_ns()
        points = [
            {"timeUnixNano": str(now_ns - age_s * 10**9), "asDouble": value, "attributes": plain(labels)}
            for age_s, value in enumerate(reversed(values))
        ]
        metrics = {"scope": {"name": "shop.cart"}, "metrics": [{"name": name, "gauge": {"dataPoints": points}}]}
        resource = {"attributes": plain({"service.name": service})}
        self.post("/v1/metrics", {"resourceMetrics": [{"resource": resource, "scopeMetrics": [metrics]}]})


def plain(attributes: dict[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()]


def until(page: Page, expression: str, argument: Any = None) -> None:
    """Wait for an expression to hold; the page's policy forbids what Playwright's own wait does."""
    deadline_s = time.monotonic() + PATIENCE_MS / 1000
    while not page.evaluate(expression, argument):
        assert time.monotonic() < deadline_s, f"it never came true: {expression}"
        page.wait_for_timeout(50)


@contextmanager
def running_hub(data_dir: Path) -> Iterator[Hub]:
    hub = Hub(data_dir)
    hub.start()
    try:
        yield hub
    finally:
        hub.stop()


@contextmanager
def running_browser(path: Path) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Browser, hub: Hub, width: int = 1280, **context: Any) -> Iterator[Page]:
    """Give the page in a browser that has never seen it, live and with its charts drawn."""
    surroundings = browser.new_context(viewport={"width": width, "height": 900}, **context)
    try:
        yield look(surroundings, hub)
    finally:
        surroundings.close()


def look(surroundings: BrowserContext, hub: Hub) -> Page:
    """Return the page in a new tab, live and with its charts drawn."""
    page = surroundings.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.add_init_script(WATCH_POLICY)
    page.goto(hub.url)
    page.wait_for_selector("#link[data-state=live]")
    page.wait_for_selector("[data-plot=cpu] canvas")
    return page
