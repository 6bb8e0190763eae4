import json
import os
from collections.abc import Callable, Iterator
from email.message import Message
from email.utils import formatdate
from time import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from firstlight.errors import FirstlightError, NotReachable, Unavailable, UsageError
from firstlight.export.connection import Tls
from firstlight.export.otlp import OtlpExporter
from firstlight.model import Batch, Event, Resource
from firstlight.testing import check_exporter, sample_batch
from tests.export.http_receiver import HttpReceiver

REQUESTS: dict[str, Any] = {
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
    "traces": ExportTraceServiceRequest,
}


def read(path: str, headers: Message, body: bytes) -> dict[str, Any]:
    if headers["Content-Type"] == "application/json":
        return dict(json.loads(body))
    return dict(MessageToDict(REQUESTS[urlsplit(path).path.rsplit("/", 1)[1]].FromString(body)))


@pytest.fixture
def collector() -> Iterator[HttpReceiver]:
    with HttpReceiver((200, {}, b"{}"), read) as made:
        yield made


@pytest.fixture
def exporter(collector: HttpReceiver) -> Iterator[OtlpExporter]:
    made = OtlpExporter(collector.url, token="secret", headers={"X-Tenant": "a"}, protocol="json", retry_for_s=0.5)
    yield made
    made.close()


def logs(count: int = 1) -> Batch:
    batch = Batch(Resource("shop"))
    batch.events += [Event(number, "step") for number in range(count)]
    return batch


def test_each_signal_goes_to_its_path_over_one_connection(collector: HttpReceiver, exporter: OtlpExporter) -> None:
    exporter.export(sample_batch())
    exporter.export(logs())
    assert [path for path, _, _ in collector.got] == ["/v1/traces", "/v1/metrics", "/v1/logs", "/v1/logs"]
    assert collector.connections == 1
    _, headers, body = collector.got[0]
    assert headers["Authorization"] == "Bearer secret"
    assert headers["X-Tenant"] == "a"
    assert headers["Content-Type"] == "application/json"
    assert body["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"] == "pay"


def test_it_keeps_the_contract(collector: HttpReceiver) -> None:
    check_exporter(lambda: OtlpExporter(collector.url))


def test_long_bodies_are_compressed(collector: HttpReceiver, exporter: OtlpExporter) -> None:
    exporter.export(logs(1))
    exporter.export(logs(100))
    short, long = collector.got
    assert "Content-Encoding" not in short[1]
    assert long[1]["Content-Encoding"] == "gzip"
    assert len(long[2]["resourceLogs"][0]["scopeLogs"][0]["logRecords"]) == 100


def test_a_path_in_the_endpoint_is_kept(collector: HttpReceiver) -> None:
    exporter = OtlpExporter(f"{collector.url}/otlp/")
    exporter.export(logs())
    exporter.close()
    assert collector.got[0][0] == "/otlp/v1/logs"


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_may_be_sent_again_is(collector: HttpReceiver, exporter: OtlpExporter, status: int) -> None:
    collector.answers = [(status, {"Retry-After": "0"}, b""), (status, {"Retry-After": "0.01"}, b"")]
    exporter.export(logs())
    assert len(collector.got) == 3


@pytest.mark.parametrize("after", [lambda: "3600", lambda: formatdate(time() + 3600, usegmt=True)], ids=["s", "date"])
def test_a_long_wait_is_left_to_the_caller(
    collector: HttpReceiver, exporter: OtlpExporter, after: Callable[[], str]
) -> None:
    collector.answers = [(503, {"Retry-After": after()}, b"")]
    with pytest.raises(Unavailable) as raised:
        exporter.export(logs())
    assert 3500 < raised.value.retry_after_s <= 3600
    assert len(collector.got) == 1


def test_trying_again_without_advice_ends(collector: HttpReceiver, exporter: OtlpExporter) -> None:
    collector.answers = [(503, {"Retry-After": "soon"}, b"")] * 50
    with pytest.raises(Unavailable):
        exporter.export(logs())
    assert 1 <= len(collector.got) < 50


def test_after_a_failure_the_same_batch_goes_on_where_it_stopped(
    collector: HttpReceiver, exporter: OtlpExporter
) -> None:
    collector.answers = [(200, {}, b"{}"), (503, {"Retry-After": "60"}, b"")]
    batch = sample_batch()
    with pytest.raises(Unavailable):
        exporter.export(batch)
    exporter.export(batch)
    assert [path for path, _, _ in collector.got] == ["/v1/traces", "/v1/metrics", "/v1/metrics", "/v1/logs"]


def test_what_is_turned_down_for_good_is_told_and_the_rest_delivered(collector: HttpReceiver) -> None:
    heard: list[tuple[str, int, str]] = []
    exporter = OtlpExporter(collector.url, protocol="json", on_rejected=lambda *args: heard.append(args))
    partial = b'{"partialSuccess": {"rejectedDataPoints": "2", "errorMessage": "too old"}}'
    collector.answers = [(400, {}, b"no such thing"), (200, {}, partial)]
    exporter.export(sample_batch())
    exporter.close()
    assert [path for path, _, _ in collector.got] == ["/v1/traces", "/v1/metrics", "/v1/logs"]
    assert [(signal, rows) for signal, rows, _ in heard] == [("traces", 1), ("metrics", 2)]
    assert "400: no such thing" in heard[0][2]
    assert heard[1][2] == "too old"


def test_without_a_listener_it_raises(collector: HttpReceiver, exporter: OtlpExporter) -> None:
    collector.answers = [(413, {}, b"too long")]
    with pytest.raises(FirstlightError, match=r"1 rows of logs: .* 413: too long") as raised:
        exporter.export(logs())
    assert not isinstance(raised.value, Unavailable)


@pytest.mark.parametrize("answer", [b"", b"not json", b"[]", b'{"partialSuccess": null}', b'{"partialSuccess": 3}'])
def test_odd_answers_of_success_are_success(collector: HttpReceiver, exporter: OtlpExporter, answer: bytes) -> None:
    collector.answers = [(200, {}, answer)]
    exporter.export(logs())


def test_a_kept_connection_that_was_closed_meanwhile_is_opened_again(
    collector: HttpReceiver, exporter: OtlpExporter
) -> None:
    exporter.export(logs())
    collector.hang_up_next = True
    exporter.export(logs())
    assert len(collector.got) == 2
    assert collector.connections == 2


def test_nobody_there_says_what_to_do(collector: HttpReceiver) -> None:
    exporter = OtlpExporter("http://127.0.0.1:9")
    with pytest.raises(NotReachable, match=r"http://127\.0\.0\.1:9.*firstlight up"):
        exporter.export(logs())
    exporter.close()


@pytest.mark.parametrize("endpoint", ["", "127.0.0.1:4318", "ftp://a", "http://", "http://[::1", "http://a:99999"])
def test_a_wrong_endpoint_is_refused_at_once(endpoint: str) -> None:
    with pytest.raises(UsageError, match=r"http://127\.0\.0\.1:4318"):
        OtlpExporter(endpoint)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_uses_a_connection_of_its_own(collector: HttpReceiver, exporter: OtlpExporter) -> None:
    exporter.export(logs())
    child = os.fork()
    if child == 0:
        try:
            exporter.export(logs())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    exporter.export(logs())
    assert len(collector.got) == 3
    assert collector.connections == 2
    numbers = [headers["Firstlight-Delivery"].split("-") for _, headers, _ in collector.got]
    assert numbers[0][0] != numbers[1][0], "two processes with the same numbers would be taken for one"
    assert int(numbers[0][1]) < int(numbers[2][1])


def test_protobuf_carries_the_same(collector: HttpReceiver) -> None:
    for protocol, content_type in (("protobuf", "application/x-protobuf"), ("json", "application/json")):
        exporter = OtlpExporter(collector.url, protocol=protocol)
        exporter.export(logs(3))
        exporter.close()
        assert collector.got[-1][1]["Content-Type"] == content_type
    said = [[record["eventName"] for record in records(body)] for _, _, body in collector.got]
    assert said == [["step"] * 3, ["step"] * 3]


def records(body: dict[str, Any]) -> list[dict[str, Any]]:
    return list(body["resourceLogs"][0]["scopeLogs"][0]["logRecords"])


@pytest.mark.parametrize(
    ("answer", "heard"),
    [
        (b"", []),
        (b"\x0a\x00", []),
        (b"\x0a\x09\x08\x02\x12\x05older", [("logs", 2, "older")]),
        (b"\x0a\x03\x08\x96\x01", [("logs", 150, "no reason given")]),
        (b"\x0a\x09\x08\x02\x12\x05old", []),
        (b"no protobuf", []),
    ],
)
def test_a_partial_success_in_protobuf_is_told(collector: HttpReceiver, answer: bytes, heard: list[Any]) -> None:
    told: list[Any] = []
    exporter = OtlpExporter(collector.url, on_rejected=lambda *args: told.append(args))
    collector.answers = [(200, {}, answer)]
    exporter.export(logs(3))
    exporter.close()
    assert told == heard


def test_signals_may_go_elsewhere_with_headers_of_their_own(collector: HttpReceiver) -> None:
    exporter = OtlpExporter(
        f"{collector.url}/otlp",
        headers={"X-Tenant": "a"},
        endpoints={"metrics": f"{collector.url}/opentelemetry/v1/metrics?extra=1"},
        signal_headers={"metrics": {"X-Tenant": "b"}},
    )
    exporter.export(sample_batch())
    exporter.close()
    assert [(path, headers["X-Tenant"]) for path, headers, _ in collector.got] == [
        ("/otlp/v1/traces", "a"),
        ("/opentelemetry/v1/metrics?extra=1", "b"),
        ("/otlp/v1/logs", "a"),
    ]


def test_compression_can_be_left_out(collector: HttpReceiver) -> None:
    exporter = OtlpExporter(collector.url, compression="none")
    exporter.export(logs(500))
    exporter.close()
    assert "Content-Encoding" not in collector.got[0][1]
    assert len(records(collector.got[0][2])) == 500


@pytest.mark.parametrize(
    "wrong",
    [
        {"protocol": "grpc"},
        {"compression": "zip"},
        {"endpoints": {"profiles": "http://a"}},
        {"endpoints": {"logs": "a:1"}},
        {"endpoint": "https://a", "tls": Tls(ca_file="/nowhere.pem")},
    ],
    ids=str,
)
def test_what_cannot_be_used_is_refused_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        OtlpExporter(**wrong)


def test_each_request_has_its_number_and_a_repeat_the_same(collector: HttpReceiver, exporter: OtlpExporter) -> None:
    collector.answers = [(200, {}, b"{}"), (503, {"Retry-After": "60"}, b"")]
    batch = sample_batch()
    with pytest.raises(Unavailable):
        exporter.export(batch)
    exporter.export(batch)
    exporter.export(logs())
    numbers = [headers["Firstlight-Delivery"] for _, headers, _ in collector.got]
    senders, counts = zip(*(number.split("-") for number in numbers), strict=True)
    assert set(senders) == {senders[0]}
    assert len(senders[0]) == 16
    traces, metrics, again, more, last = map(int, counts)
    assert traces < metrics == again < more < last


def test_a_batch_may_be_numbered_by_who_keeps_it(collector: HttpReceiver, exporter: OtlpExporter) -> None:
    for _ in range(2):
        exporter.export_named(logs(), "00112233445566ff", 7)
    first, second = (headers["Firstlight-Delivery"] for _, headers, _ in collector.got)
    assert first == second
    assert first.startswith("00112233445566ff-")
