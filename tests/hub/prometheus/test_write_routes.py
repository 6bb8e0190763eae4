import threading

import cramjam
import pytest

from bench.remote_write_messages import request, series
from firstlight.errors import Overloaded, StorageError, StorageFull
from tests.hub.prometheus.asking import WRITE, ask, data, packed, write_request
from tests.hub.serving import hub

_V2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request"


def post(url, body, **headers):
    given = {**WRITE, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return ask(url, "POST", "/api/v1/write", body, given)


def one(name, value=1.0, time_ms=1_000):
    return write_request([({"__name__": name}, [(time_ms, value)])])


def values(url, expr, time=1):
    return [line["value"][1] for line in data(url, "query", query=expr, time=time)["result"]]


def test_a_request_is_kept_and_answered_with_nothing(url):
    status, headers, body = post(url, one("kept", 1.5))
    assert (status, body, headers["content-type"]) == (204, b"", None)
    assert values(url, "kept") == ["1.5"]


def test_what_was_answered_is_there_after_a_crash(tmp_path):
    with hub(tmp_path / "a") as client:
        platform = client.server.platform
        assert post(platform.url, one("durable"))[0] == 204
        logs = b"".join(path.read_bytes() for path in (tmp_path / "a").rglob("*.wal"))
    assert b"durable" in logs


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"no snappy at all", {}, 400),
        (packed(b"\xff\xff\xff"), {}, 400),
        (one("a"), {"content_type": "application/json"}, 415),
        (one("a"), {"content_type": _V2}, 415),
        (one("a"), {"content_type": "application/x-protobuf;proto=prometheus.WriteRequest"}, 204),
        (one("a"), {"content_encoding": "gzip"}, 415),
        (bytes([0x80] * 5 + [0x01]), {}, 413),
        (packed(bytes(2**24 + 1)), {}, 413),
        (packed(b""), {}, 204),
    ],
)
def test_each_fault_has_its_status(url, body, headers, status):
    got, told, text = post(url, body, **headers)
    assert got == status
    if status != 204:
        assert told["content-type"].startswith("text/plain")
        assert text


def test_a_bad_series_does_not_take_its_neighbours_along(url):
    good = [series({"__name__": f"good_{side}"}, (1_000, 2.0)) for side in "ab"]
    bad = [series({"no_name": "x"}, (1_000, 3.0)), series([("__name__", "bad"), ("b", "1"), ("b", "2")], (1_000, 3.0))]
    body = packed(request(good[0], *bad, good[1]).SerializeToString())
    for _ in range(2):
        status, _, text = post(url, body)
        assert (status, text) == (
            400,
            b"2 of it cannot be kept (a series has no name; a label is there twice); all else is kept",
        )
    assert values(url, '{__name__=~"good_.|bad"}') == ["2", "2"]


def test_the_same_again_is_fine_and_of_other_values_the_last_stays(url):
    assert [post(url, one("again", value))[0] for value in (1.0, 1.0, 2.0)] == [204, 204, 204]
    assert values(url, "again") == ["2"]


@pytest.mark.parametrize(
    ("problem", "status", "wait_s"),
    [(StorageFull("no room", 5.0), 503, "5"), (Overloaded("busy", 2.0), 429, "2"), (StorageError("broken"), 503, "5")],
)
def test_what_cannot_be_kept_now_is_to_be_sent_again(tmp_path, monkeypatch, problem, status, wait_s):
    def refuse(*_):
        raise problem

    with hub(tmp_path) as client:
        url = client.server.platform.url
        monkeypatch.setattr(client.server.platform.store, "append", refuse)
        got, headers, text = post(url, one("later"))
        assert (got, headers["retry-after"], text.decode()) == (status, wait_s, str(problem))
        monkeypatch.undo()
        assert post(url, one("later"))[0] == 204


def test_more_than_there_is_room_for_is_to_be_sent_again(tmp_path):
    with hub(tmp_path, limits__max_buffered_bytes=2048, limits__max_concurrent_ingest=1) as client:
        platform = client.server.platform
        long = one("x" * 4000 + "".join(map(chr, range(0x4E00, 0x4E00 + 1500))))
        assert len(long) > 2048
        assert post(platform.url, long)[:2][0] == 429
        may_go = threading.Event()
        platform.ingest_gate._pool.submit(may_go.wait, 30)
        platform.ingest_gate._inside = 65
        got, headers, _ = post(platform.url, one("a"))
        platform.ingest_gate._inside = 0
        may_go.set()
        assert (got, headers["retry-after"]) == (429, "1")


def test_a_slow_sender_is_to_send_again(tmp_path):
    with hub(tmp_path, limits__body_timeout_s=0.2) as client:
        connection = client.connect()
        connection.putrequest("POST", "/api/v1/write")
        for name, value in {**WRITE, "content-length": "100"}.items():
            connection.putheader(name, value)
        connection.endheaders(b"some")
        assert connection.getresponse().status == 429
        connection.close()


def test_series_beyond_the_limit_are_refused_and_the_others_kept(tmp_path):
    with hub(tmp_path, lake__series_per_metric=3, self_metrics_interval_s=86_400.0) as client:
        url = client.server.platform.url
        lines = [({"__name__": "many", "id": str(number)}, [(1_000, 1.0)]) for number in range(5)]
        status, _, text = post(url, write_request(lines))
        assert (status, text[:26]) == (400, b"2 of it cannot be kept (no")
        assert values(url, "count(many)") == ["3"]


def test_what_comes_in_is_counted(tmp_path):
    with hub(tmp_path) as client:
        url = client.server.platform.url
        body = one("a")
        post(url, body, user_agent="Prometheus/3.5.3")
        post(url, packed(request(series({"x": "y"}, (1, 1.0))).SerializeToString()))
        post(url, b"nothing")
        text = client.get("/metrics").body.decode()
        targets = data(url, "targets", state="active")["activeTargets"]
    size = len(cramjam.snappy.decompress_raw(body))
    assert 'firstlight_ingested_rows_total{signal="metrics",transport="remote_write"} 1\n' in text
    assert 'firstlight_ingest_requests_total{signal="remote_write",status="204"} 1\n' in text
    assert 'firstlight_ingest_requests_total{signal="remote_write",status="400"} 2\n' in text
    assert 'firstlight_ingest_rejected_rows_total{signal="metrics"} 1\n' in text
    assert 'firstlight_ingest_errors_total{reason="status_400"} 2\n' in text
    (counted,) = [line for line in text.splitlines() if line.startswith("firstlight_ingest_bytes_total{")]
    assert int(counted.split()[1]) > size
    assert {"job": "Prometheus"} in [target["labels"] for target in targets]


def test_a_token_is_asked_for(tmp_path):
    with hub(tmp_path, hub__token="a-long-enough-secret") as client:
        url = client.server.platform.url
        assert post(url, one("a"))[0] == 401
        assert post(url, one("a"), authorization="Bearer a-long-enough-secret")[0] == 204
        status, _, body = ask(url, "GET", "/api/v1/query?query=1")
        assert (status, b'"errorType":"unauthenticated"' in body) == (401, True)
        assert ask(url, "GET", "/-/ready")[0] == 200
