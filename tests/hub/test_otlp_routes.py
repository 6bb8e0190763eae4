import gzip
import json
import threading
import tracemalloc
import zlib

import pytest
from google.rpc.status_pb2 import Status

from firstlight.errors import Overloaded, StorageFull
from tests.hub.serving import JSON, PROTOBUF, Client, hub, logs


def count(client: Client, service: str) -> int:
    return int(client.sql("select count(*) from events where service = ?", params=[service]).json["rows"][0][0])


def test_a_delivery_is_stored_and_answered_in_its_own_encoding(client: Client) -> None:
    answer = client.send_logs(logs(3, "protobuf"))
    assert (answer.status, answer.headers["content-type"], answer.body) == (200, PROTOBUF, b"")
    assert count(client, "protobuf") == 3


@pytest.mark.parametrize(("encoding", "encode"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_compressed_chunked_body_is_taken(client: Client, encoding, encode) -> None:
    body = encode(logs(50, encoding))
    pieces = [body[start : start + 100] for start in range(0, len(body), 100)]
    headers = {"content-type": PROTOBUF, "content-encoding": encoding, "transfer-encoding": "chunked"}
    assert client.ask("POST", "/v1/logs", iter(pieces), headers, chunked=True).status == 200
    assert count(client, encoding) == 50


def test_json_is_taken_and_answered_with_json(client: Client) -> None:
    record = {"timeUnixNano": "1000000000000000000", "body": {"stringValue": "hi"}}
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "json"}}]}
    body = {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [record]}]}]}
    answer = client.ask("POST", "/v1/logs", json.dumps(body), {"content-type": "application/json; charset=utf-8"})
    assert (answer.status, answer.json) == (200, {})
    assert count(client, "json") == 1


def test_what_is_refused_of_a_taken_delivery_is_said_and_counted(client: Client) -> None:
    good = {"traceId": "1" * 32, "spanId": "2" * 16, "name": "good", "startTimeUnixNano": "1", "endTimeUnixNano": "2"}
    spans = [good, {**good, "traceId": "0" * 32, "name": "bad"}]
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})
    answer = client.ask("POST", "/v1/traces", body, {"content-type": JSON})
    assert answer.status == 200
    assert int(answer.json["partialSuccess"]["rejectedSpans"]) == 1
    assert b'firstlight_ingest_rejected_rows_total{signal="traces"} 1\n' in client.get("/metrics").body
    assert client.sql("select name from spans").json["rows"] == [["good"]]


@pytest.mark.parametrize(
    ("path", "method", "headers", "body", "status", "code"),
    [
        ("/v1/logs", "POST", {"content-type": PROTOBUF}, b"\xff\xff", 400, 3),
        ("/v1/logs", "POST", {"content-type": PROTOBUF, "content-encoding": "gzip"}, b"no gzip", 400, 3),
        ("/v1/logs", "POST", {"content-type": PROTOBUF, "content-encoding": "br"}, b"", 415, 3),
        ("/v1/logs", "POST", {"content-type": "text/plain"}, b"hello", 415, 3),
        ("/v1/logs", "GET", {}, b"", 405, 12),
        ("/v1/profiles", "POST", {"content-type": PROTOBUF}, b"", 404, 5),
    ],
)
def test_a_refusal_is_a_google_rpc_status(client: Client, path, method, headers, body, status, code) -> None:
    answer = client.ask(method, path, body, headers)
    assert (answer.status, answer.headers["content-type"]) == (status, PROTOBUF)
    told = Status.FromString(answer.body)
    assert told.code == code
    assert told.message


def test_a_refusal_of_json_is_json(client: Client) -> None:
    answer = client.ask("POST", "/v1/logs", b"{", {"content-type": JSON})
    assert (answer.status, answer.headers["content-type"], answer.json["code"]) == (400, JSON, 3)


def bomb(size_mib: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(2**20)) for _ in range(size_mib)) + packer.flush()


def test_a_bomb_is_cut_off_at_the_limit(client: Client) -> None:
    tracemalloc.start()
    answer = client.send_logs(bomb(256), **{"content-encoding": "gzip"})
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.status == 413
    assert "inflates" in Status.FromString(answer.body).message
    assert peak_bytes < 3 * client.server.platform.settings.limits.max_inflated_bytes


def test_a_body_without_length_is_cut_off_at_the_limit(client: Client) -> None:
    pieces = (bytes(2**20) for _ in range(24))
    headers = {"content-type": PROTOBUF, "transfer-encoding": "chunked"}
    answer = client.ask("POST", "/v1/logs", pieces, headers, chunked=True)
    assert answer.status == 413


def test_a_sender_that_asks_first_is_spared_the_body(client: Client) -> None:
    connection = client.connect()
    connection.putrequest("POST", "/v1/logs")
    for name, value in {"content-type": PROTOBUF, "content-length": str(2**31), "expect": "100-continue"}.items():
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_a_slow_body_is_given_up(tmp_path) -> None:
    with hub(tmp_path, limits__body_timeout_s=0.2) as client:
        connection = client.connect()
        connection.putrequest("POST", "/v1/logs")
        connection.putheader("content-type", PROTOBUF)
        connection.putheader("content-length", "100")
        connection.endheaders(b"some")
        assert connection.getresponse().status == 408
        connection.close()
        assert client.send_logs(logs(1)).status == 200


@pytest.mark.parametrize(("problem", "status"), [(StorageFull("no room", 5.0), 503), (Overloaded("busy", 2.0), 429)])
def test_what_cannot_be_kept_now_is_to_be_sent_again(client: Client, monkeypatch, problem, status) -> None:
    def refuse(*_):
        raise problem

    monkeypatch.setattr(client.server.platform.store, "append", refuse)
    answer = client.send_logs(logs(1, "refused"))
    assert (answer.status, answer.headers["retry-after"]) == (status, str(int(problem.retry_after_s)))
    assert client.get("/readyz").json == {"ready": False, "reasons": [str(problem)]}
    assert client.get("/livez").body == b"ok"
    assert client.sql("select 1").json["rows"] == [[1]]
    monkeypatch.undo()
    assert client.send_logs(logs(1, "refused")).status == 200
    assert client.get("/readyz").json == {"ready": True}


def test_more_than_the_queue_holds_is_told_to_retry(tmp_path, monkeypatch) -> None:
    with hub(tmp_path, limits__max_concurrent_ingest=1, limits__max_waiting_ingest=1) as client:
        platform = client.server.platform
        may_go = threading.Event()
        append, statuses = platform.store.append, []

        def slow(batches, batch_id=b""):
            may_go.wait(30)
            append(batches, batch_id)

        monkeypatch.setattr(platform.store, "append", slow)

        def send():
            statuses.append(client.send_logs(logs(1)).status)
            if len(statuses) == 3:  # the refused ones come back first
                may_go.set()

        senders = [threading.Thread(target=send) for _ in range(5)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        assert sorted(statuses) == [200, 200, 429, 429, 429]
        assert count(client, "demo") == 2


def test_bodies_together_are_bounded(tmp_path) -> None:
    with hub(tmp_path, limits__max_buffered_bytes=2048) as client:
        assert client.send_logs(logs(1, text="x" * 4000)).status == 429
        assert client.send_logs(logs(1)).status == 200


def test_what_comes_in_is_counted(tmp_path) -> None:
    with hub(tmp_path) as client:
        body = logs(7)
        client.send_logs(body)
        client.send_logs(b"\xff\xff")
        counters = client.get("/api/status").json["counters"]
        text = client.get("/metrics").body.decode()
    assert counters["firstlight_ingest_bytes_total"] == len(body) + 2
    assert 'firstlight_ingested_rows_total{signal="logs",transport="otlp"} 7\n' in text
    assert 'firstlight_ingest_requests_total{signal="logs",status="200"} 1\n' in text
    assert 'firstlight_ingest_requests_total{signal="logs",status="400"} 1\n' in text
    assert 'firstlight_ingest_errors_total{reason="status_400"} 1\n' in text
