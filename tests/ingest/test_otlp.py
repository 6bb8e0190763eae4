"""The receiver's answers, and what it hands to the store."""

import json
import threading

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from firstlight.errors import Overloaded, StorageError, StorageFull, Unavailable
from firstlight.ingest.otlp import JSON, PROTOBUF, OtlpReceiver
from tests.ingest.otlp_server import MemoryStore

NOW_NS = 1_700_000_000_000_000_000
SECOND_NS = 10**9
RESPONSES = {
    "traces": ExportTraceServiceResponse,
    "metrics": ExportMetricsServiceResponse,
    "logs": ExportLogsServiceResponse,
}


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def receiver(store):
    return OtlpReceiver(store)


def log_request(text="hello", count=1):
    record = {"timeUnixNano": str(NOW_NS), "body": {"stringValue": text}}
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": [record] * count}]}]}


def sum_request(value, start_s, end_s, *, temporality=1, name="m", **data):
    point = {
        "startTimeUnixNano": NOW_NS + start_s * SECOND_NS,
        "timeUnixNano": NOW_NS + end_s * SECOND_NS,
        "asDouble": value,
    }
    total = {"dataPoints": [point], "aggregationTemporality": temporality, "isMonotonic": True} | data
    return {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": name, "sum": total}]}]}]}


def post_json(receiver, signal, request):
    reply = receiver.handle(signal, "application/json; charset=utf-8", json.dumps(request).encode(), NOW_NS)
    assert reply.content_type == JSON
    return reply.status, json.loads(reply.body)


def test_success_says_nothing_in_either_encoding(receiver, store):
    body = json_format.ParseDict(log_request(), ExportLogsServiceRequest()).SerializeToString()
    reply = receiver.handle("logs", PROTOBUF, body, NOW_NS)
    assert (reply.status, reply.content_type, reply.body) == (200, PROTOBUF, b"")
    assert post_json(receiver, "logs", log_request("again")) == (200, {})
    assert [event.body for event in store.rows("events")] == ["hello", "again"]


def test_an_empty_request_is_a_success_that_stores_nothing(receiver, store):
    assert receiver.handle("traces", PROTOBUF, b"", NOW_NS).status == 200
    assert post_json(receiver, "metrics", {}) == (200, {})
    assert store.batch_ids == []


def test_partial_success_counts_what_was_refused_and_keeps_the_rest(receiver, store):
    span = {"traceId": "ab" * 16, "spanId": "cd" * 8, "name": "good"}
    request = {"resourceSpans": [{"scopeSpans": [{"spans": [span, span | {"traceId": "ab" * 8}]}]}]}
    status, answer = post_json(receiver, "traces", request)
    assert status == 200
    assert answer["partialSuccess"]["rejectedSpans"] == "1"
    assert "16 bytes" in answer["partialSuccess"]["errorMessage"]
    assert [span.name for span in store.rows("spans")] == ["good"]


def test_protobuf_partial_success_is_read_by_the_real_message(receiver):
    request = json_format.ParseDict(sum_request(1, 0, 1, temporality=0), ExportMetricsServiceRequest())
    reply = receiver.handle("metrics", PROTOBUF, request.SerializeToString(), NOW_NS)
    partial = ExportMetricsServiceResponse.FromString(reply.body).partial_success
    assert (reply.status, partial.rejected_data_points) == (200, 1)
    assert "temporality" in partial.error_message


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"\x0a\xff\xff\xff\xff\x0f", PROTOBUF),
        (b"{", JSON),
        (b"[]", JSON),
        (b"\xff", JSON),
        (b'{"resourceLogs": 7}', JSON),
    ],
)
def test_bad_bodies_are_the_senders_fault(receiver, store, body, content_type):
    reply = receiver.handle("logs", content_type, body, NOW_NS)
    assert (reply.status, reply.content_type, reply.retry_after_s) == (400, content_type, None)
    assert store.batch_ids == []


def test_endless_nesting_is_a_bad_body(receiver):
    open_, close = '{"arrayValue":{"values":[', "]}}"
    value = open_ * 20_000 + "{}" + close * 20_000
    body = '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":' + value + "}]}]}]}"
    assert receiver.handle("logs", JSON, body.encode(), NOW_NS).status == 400


def test_other_content_types_and_signals(receiver):
    assert receiver.handle("logs", "text/plain", b"x", NOW_NS).status == 415
    assert receiver.handle("logs", "", b"x", NOW_NS).status == 415
    assert receiver.handle("profiles", PROTOBUF, b"", NOW_NS).status == 404


@pytest.mark.parametrize(
    ("problem", "status", "retry_after_s"),
    [
        (Overloaded("queue", 2.0), 429, 2.0),
        (StorageFull("disk", 7.0), 503, 7.0),
        (Unavailable("later", 3.0), 503, 3.0),
        (StorageError("broken"), 503, 5.0),
    ],
)
def test_what_can_be_kept_later_is_asked_for_again(receiver, store, problem, status, retry_after_s):
    store.problem = problem
    reply = receiver.handle("logs", JSON, json.dumps(log_request()).encode(), NOW_NS)
    assert (reply.status, reply.retry_after_s) == (status, retry_after_s)
    assert json.loads(reply.body)["message"] == str(problem)
    assert receiver.counts.failed_requests == {("logs", status): 1}
    assert receiver.counts.items["logs"] == 0


def test_a_delivery_that_survived_a_crash_is_not_stored_twice(receiver, store):
    post_json(receiver, "logs", log_request())
    (batch_id,) = store.batch_ids
    assert len(batch_id) == 16
    store.recovered.add(batch_id)
    assert post_json(receiver, "logs", log_request()) == (200, {})
    assert post_json(receiver, "logs", log_request("other")) == (200, {})
    assert [event.body for event in store.rows("events")] == ["hello", "other"]


def test_deltas_add_up(receiver, store):
    for value, start_s, end_s in ((4, 0, 10), (3, 10, 20), (5, 60, 70)):
        assert post_json(receiver, "metrics", sum_request(value, start_s, end_s)) == (200, {})
    assert [value for _, _, value in store.samples()] == [4.0, 7.0, 12.0]
    assert {series.kind for series, _, _ in store.samples()} == {"counter"}


@pytest.mark.parametrize(("start_s", "end_s"), [(0, 10), (0, 5), (5, 15)])
def test_a_delta_that_was_counted_already_is_refused(receiver, store, start_s, end_s):
    post_json(receiver, "metrics", sum_request(4, 0, 10))
    status, answer = post_json(receiver, "metrics", sum_request(4, start_s, end_s, description="x"))
    assert (status, answer["partialSuccess"]["rejectedDataPoints"]) == (200, "1")
    assert [value for _, _, value in store.samples()] == [4.0]


def test_a_delta_that_could_not_be_stored_counts_when_it_comes_again(receiver, store):
    post_json(receiver, "metrics", sum_request(4, 0, 10))
    store.problem = StorageFull("disk")
    assert post_json(receiver, "metrics", sum_request(3, 10, 20))[0] == 503
    store.problem = None
    assert post_json(receiver, "metrics", sum_request(3, 10, 20)) == (200, {})
    assert [value for _, _, value in store.samples()] == [4.0, 7.0]


def test_delta_histograms_add_up_bucket_by_bucket(receiver, store):
    for step, counts in enumerate(([1, 2, 3], [0, 1, 0])):
        point = {
            "startTimeUnixNano": NOW_NS + step * SECOND_NS,
            "timeUnixNano": NOW_NS + (step + 1) * SECOND_NS,
            "count": sum(counts),
            "sum": 1.5,
            "min": 0.1,
            "bucketCounts": counts,
            "explicitBounds": [1, 2],
        }
        metric = {"name": "h", "histogram": {"dataPoints": [point], "aggregationTemporality": 1}}
        request = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}
        assert post_json(receiver, "metrics", request) == (200, {})
    last = {(series.field, dict(series.labels).get("le")): value for series, _, value in store.samples()}
    assert last == {
        ("count", None): 7.0,
        ("sum", None): 3.0,
        ("bucket", "1.0"): 1.0,
        ("bucket", "2.0"): 4.0,
        ("bucket", "+Inf"): 7.0,
    }


def test_counts_by_signal(receiver):
    body = json.dumps(log_request(count=3)).encode()
    receiver.handle("logs", JSON, body, NOW_NS)
    post_json(receiver, "metrics", sum_request(1, 0, 1, temporality=0))
    receiver.handle("traces", JSON, b"{", NOW_NS)
    counts = receiver.counts
    assert counts.bytes["logs"] == len(body)
    assert (counts.items["logs"], counts.items["metrics"]) == (3, 0)
    assert counts.rejected["metrics"] == 1
    assert counts.failed_requests == {("traces", 400): 1}


def test_many_threads_lose_nothing(receiver, store):
    def send(number):
        for step in range(20):
            post_json(receiver, "metrics", sum_request(1, step, step + 1, name=f"m{number}"))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    last = {}
    for series, _, value in store.samples():
        last[series.name] = max(value, last.get(series.name, 0))
    assert last == {f"m{number}": 20.0 for number in range(4)}
    assert receiver.counts.items["metrics"] == 80
