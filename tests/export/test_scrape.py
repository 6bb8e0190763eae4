import gzip
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import msgspec
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from firstlight.errors import UsageError
from firstlight.export.scrape import ScrapeExporter, wants_openmetrics
from firstlight.model import Batch, Event, Exemplar, Kind, Resource, Series
from firstlight.testing import check_exporter, sample_batch
from tests.peers import peer

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
TEXT = "text/plain; version=0.0.4; charset=utf-8"
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;"
    "q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.fixture
def exporter() -> Iterator[ScrapeExporter]:
    made = ScrapeExporter(0, events_total="events_total")
    yield made
    made.close()


def get(url: str, **headers: str) -> tuple[dict[str, str], bytes]:
    with urlopen(Request(url, headers=headers)) as answer:
        return dict(answer.headers), answer.read()


def counted(value: float = 3.0) -> Batch:
    batch = Batch(Resource("shop"))
    series = Series("orders_total", kind=Kind.COUNTER, description="Orders.")
    batch.add_sample(series, time.time_ns(), value)
    batch.exemplars.append(Exemplar(series.id(), time.time_ns(), 1.0, "a" * 32, "b" * 16))
    return batch


def test_it_keeps_the_contract() -> None:
    check_exporter(lambda: ScrapeExporter(0))


def test_it_shows_the_present_state(exporter: ScrapeExporter) -> None:
    assert get(exporter.address)[1] == b""
    exporter.export(counted())
    exporter.export(counted(4.0))
    headers, body = get(exporter.address)
    assert headers["Content-Type"] == TEXT
    assert body == b"# HELP orders_total Orders.\n# TYPE orders_total counter\norders_total 4\n"
    batch = Batch(Resource())
    batch.events.append(Event(1, "x"))
    exporter.export(batch)
    assert b'events_total{level="INFO"} 1\n' in get(exporter.address)[1]


def test_openmetrics_comes_with_exemplars_when_asked_for(exporter: ScrapeExporter) -> None:
    exporter.export(sample_batch())
    exporter.export(counted())
    headers, body = get(exporter.address, Accept=PROMETHEUS_3)
    assert headers["Content-Type"] == OPENMETRICS
    families = {family.name: family for family in text_string_to_metric_families(body.decode())}
    assert families["orders"].samples[0].exemplar.labels == {"trace_id": "a" * 32, "span_id": "b" * 16}


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("", False),
        ("*/*", False),
        ("text/html", False),
        (PROMETHEUS_3, True),
        ("application/openmetrics-text", True),
        ("application/openmetrics-text;version=0.0.1", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=0.3, text/plain;q=0.5", False),
        ("APPLICATION/OPENMETRICS-TEXT; Q=0.9", True),
        ("application/openmetrics-text;q=high", False),
        (";;,,=", False),
    ],
)
def test_the_header_is_weighed(accept: str, wanted: bool) -> None:
    assert wants_openmetrics(accept) is wanted


def test_gzip_only_where_it_is_taken(exporter: ScrapeExporter) -> None:
    exporter.export(counted())
    headers, body = get(exporter.address, **{"Accept-Encoding": "br, gzip;q=0.5"})
    assert headers["Content-Encoding"] == "gzip"
    assert b"orders_total 3" in gzip.decompress(body)
    assert b"orders_total 3" in get(exporter.address, **{"Accept-Encoding": "gzip;q=0"})[1]


def test_other_paths_and_methods(exporter: ScrapeExporter) -> None:
    base = urlsplit(exporter.address).netloc
    with pytest.raises(HTTPError, match="404") as raised:
        get(f"http://{base}/")
    raised.value.close()
    assert get(f"{exporter.address}?name=x")[1] == b""
    connection = HTTPConnection(base)
    connection.request("HEAD", "/metrics")
    assert connection.getresponse().read() == b""
    connection.close()


def test_who_hangs_up_is_no_trouble(exporter: ScrapeExporter, capfd: pytest.CaptureFixture[str]) -> None:
    exporter.export(counted())
    host, port = urlsplit(exporter.address).netloc.split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(b"rubbish\r\n\r\n")
    assert b"orders_total" in get(exporter.address)[1]
    assert capfd.readouterr() == ("", "")


def test_a_taken_port_is_told(exporter: ScrapeExporter) -> None:
    with pytest.raises(UsageError, match="choose another port"):
        ScrapeExporter(int(urlsplit(exporter.address).port or 0))
    with pytest.raises(UsageError, match="choose another port"):
        ScrapeExporter(99_999)


def test_after_close_nobody_listens() -> None:
    exporter = ScrapeExporter(0)
    exporter.close()
    with pytest.raises(OSError, match="refused"):
        get(exporter.address)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_says_that_it_cannot(exporter: ScrapeExporter) -> None:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            exporter.export(counted())
        except UsageError:
            code = 0
            exporter.close()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    exporter.export(counted())
    assert b"orders_total 3" in get(exporter.address)[1]


def test_a_real_prometheus_scrapes_it(exporter: ScrapeExporter, tmp_path: Path) -> None:
    exporter.export(sample_batch())
    exporter.export(counted())
    target = urlsplit(exporter.address).netloc
    (tmp_path / "p.yml").write_text(
        "global: {scrape_interval: 200ms, scrape_timeout: 200ms}\n"
        f"scrape_configs: [{{job_name: us, static_configs: [{{targets: ['{target}']}}]}}]\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    arguments = [f"--config.file={tmp_path}/p.yml", f"--storage.tsdb.path={tmp_path}/data"]
    arguments += [f"--web.listen-address=127.0.0.1:{port}", "--enable-feature=exemplar-storage"]
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen([peer("prometheus"), *arguments], stdout=log, stderr=log) as process,
    ):
        try:
            value, exemplar = wait_for_scrape(f"http://127.0.0.1:{port}", process)
        finally:
            process.kill()
    assert value == "2"
    assert exemplar["labels"] == {"trace_id": "a" * 32, "span_id": "b" * 16}


def wait_for_scrape(base: str, process: "subprocess.Popen[bytes]") -> tuple[str, dict]:
    """Return the count of a histogram and an exemplar as soon as they are known there."""
    while process.poll() is None:
        try:
            found = ask(f"{base}/api/v1/query?query=pay_seconds_count")["result"]
            seen = ask(f"{base}/api/v1/query_exemplars?query=orders_total&start=0&end={time.time() + 600}")
        except OSError:
            found = seen = []
        if found and seen:
            return found[0]["value"][1], seen[0]["exemplars"][0]
        time.sleep(0.05)
    raise AssertionError("it ended")


def ask(url: str) -> dict:
    return msgspec.json.decode(get(url)[1])["data"]
