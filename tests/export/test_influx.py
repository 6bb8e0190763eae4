import json
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import pytest

from firstlight.codecs.influx import decode
from firstlight.errors import FirstlightError, NotReachable, Unavailable, UsageError
from firstlight.export.influx import InfluxExporter, InfluxFileExporter
from firstlight.model import Batch, Event, Resource, Series
from firstlight.testing import check_exporter, sample_batch
from tests.export.http_receiver import HttpReceiver
from tests.peers import victoria_metrics


@pytest.fixture
def server() -> Iterator[HttpReceiver]:
    with HttpReceiver((204, {}, b"")) as made:
        yield made


def events(count: int = 1) -> Batch:
    batch = Batch(Resource("shop"))
    batch.events += [Event(number, "step") for number in range(count)]
    return batch


def test_files_keep_the_contract(tmp_path: Path) -> None:
    check_exporter(lambda: InfluxFileExporter(tmp_path))
    (path,) = (tmp_path / "influxdb").iterdir()
    assert path.name.startswith("telemetry-")
    assert path.suffix == ".lp"
    assert len(decode(path.read_bytes())) == 18


def test_http_keeps_the_contract(server: HttpReceiver) -> None:
    check_exporter(lambda: InfluxExporter(server.url))
    assert len(server.got) == 2, "nothing is sent for an empty batch"


def test_each_version_has_its_path(server: HttpReceiver) -> None:
    for exporter in (
        InfluxExporter(f"{server.url}/base/", database="d b"),
        InfluxExporter(server.url, database="b", org="o", token="secret"),
    ):
        exporter.export(events())
        exporter.close()
    first, second = (urlsplit(path) for path, _, _ in server.got)
    assert (first.path, parse_qs(first.query)) == ("/base/write", {"db": ["d b"], "precision": ["ns"]})
    assert second.path == "/api/v2/write"
    assert parse_qs(second.query) == {"org": ["o"], "bucket": ["b"], "precision": ["ns"]}
    assert server.got[1][1]["Authorization"] == "Token secret"


def test_long_bodies_are_compressed(server: HttpReceiver) -> None:
    exporter = InfluxExporter(server.url)
    exporter.export(events(100))
    exporter.close()
    assert server.got[0][1]["Content-Encoding"] == "gzip"
    assert len(decode(server.got[0][2])) == 100


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again_later(server: HttpReceiver, status: int) -> None:
    exporter = InfluxExporter(server.url)
    server.answers = [(status, {"Retry-After": "7"}, b"busy"), (status, {}, b"")]
    batch = events()
    for wait_s in (7.0, 5.0):
        with pytest.raises(Unavailable) as raised:
            exporter.export(batch)
        assert raised.value.retry_after_s == wait_s
    exporter.export(batch)
    exporter.close()
    assert len({body for _, _, body in server.got}) == 1


def test_a_refusal_is_for_good(server: HttpReceiver) -> None:
    exporter = InfluxExporter(server.url)
    server.answers = [(400, {}, b'{"error":"field type conflict"}')]
    with pytest.raises(FirstlightError, match="answered 400.*field type conflict") as raised:
        exporter.export(events())
    assert not isinstance(raised.value, Unavailable)
    exporter.export(events())
    exporter.close()


def test_nobody_there_and_a_wrong_address() -> None:
    with pytest.raises(NotReachable):
        InfluxExporter("http://127.0.0.1:9").export(events())
    with pytest.raises(UsageError, match="http://127.0.0.1:8086"):
        InfluxExporter("influx:8086")


@pytest.fixture
def victoria(tmp_path: Path) -> Iterator[str]:
    with victoria_metrics(tmp_path) as url:
        yield url


def test_a_real_server_takes_it(victoria: str) -> None:
    batch = sample_batch()
    now_ns = time.time_ns()
    batch.add_sample(Series("queue_length", (("q", "a b,c=d"),), "shop"), now_ns, 12.5)
    for more in ({"database": "telemetry"}, {"database": "b", "org": "o", "token": "t"}):
        exporter = InfluxExporter(victoria, **more)
        exporter.export(batch)
        exporter.close()
    with urlopen(f"{victoria}/internal/force_flush"):
        pass
    query = "/api/v1/query?query=queue_length_value%7Bq!=%22%22%7D"
    with urlopen(f"{victoria}{query}&time={now_ns // 10**9 + 1}&nocache=1") as answer:
        found = json.load(answer)["data"]["result"]
    assert {line["metric"]["q"] for line in found} == {"a b,c=d"}
    assert {line["value"][1] for line in found} == {"12.5"}
