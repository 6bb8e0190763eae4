import json
import socket
import time

import pytest

from firstlight.app import live
from firstlight.hub import stream
from firstlight.model import Batch, Resource, Series
from tests.hub.serving import Client, hub, logs


class Reader:
    """Reads server-sent events from a connection."""

    def __init__(self, client: Client, query: str) -> None:
        self.connection = client.connect()
        self.connection.request("GET", f"/api/stream?{query}")
        self.response = self.connection.getresponse()

    def next(self) -> tuple[str, dict]:
        lines = list(iter(lambda: self.response.readline().decode().strip("\n"), ""))
        fields = dict(line.split(": ", 1) for line in lines if not line.startswith(":"))
        if ": keep-alive" in lines:
            return "comment", {}
        return fields.get("event", ""), json.loads(fields.get("data", "{}"))

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self.response.close()
        self.connection.close()


def store_point(client: Client, name: str, value: float) -> None:
    batch = Batch(Resource(service="demo"))
    batch.add_sample(Series(name, (("a", "b"),), "demo"), 5, value)
    client.server.platform.intake.door("test").append([batch])


def wait_until(condition) -> None:
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it never came true")


def test_events_and_samples_come_as_they_are_stored(client: Client) -> None:
    with Reader(client, "events=1&names=wanted,other") as reader:
        assert reader.response.headers["content-type"].startswith("text/event-stream")
        assert reader.next() == ("comment", {})
        store_point(client, "unwanted", 1.0)
        store_point(client, "wanted", 2.0)
        assert reader.next() == (
            "samples",
            {"points": [{"name": "wanted", "labels": {"a": "b"}, "service": "demo", "time_ns": 5, "value": 2.0}]},
        )
        client.send_logs(logs(2, "shop"))
        event, data = reader.next()
    assert event == "events"
    assert [found["body"] for found in data["events"]] == ["hello", "hello"]
    assert data["events"][0]["service"] == "shop"


def test_health_comes_at_once_and_with_each_assessment(client: Client) -> None:
    with Reader(client, "health=1") as reader:
        assert reader.next()[0] == "health"
        client.server.platform.look_at_health()
        event, report = reader.next()
    assert event == "health"
    assert report["time_ns"] >= client.server.platform.started_ns
    assert set(report["overall"]) == {"score", "state", "parts"}


def test_silence_is_filled_with_comments(client: Client, monkeypatch) -> None:
    monkeypatch.setattr(stream, "KEEP_ALIVE_S", 0.05)
    with Reader(client, "events=1") as reader:
        assert [reader.next() for _ in range(3)] == [("comment", {})] * 3


def test_a_client_that_leaves_is_forgotten(client: Client) -> None:
    feed = client.server.platform.live
    wait_until(lambda: len(feed) == 0)
    with Reader(client, "events=1") as reader:
        reader.next()
        assert len(feed) == 1
    wait_until(lambda: len(feed) == 0)


def test_there_are_only_so_many_streams(tmp_path) -> None:
    with hub(tmp_path, limits__max_streams=1) as client, Reader(client, "events=1") as reader:
        reader.next()
        answer = client.get("/api/stream?events=1")
        assert (answer.status, answer.code) == (429, "OVERLOADED")


def test_a_client_that_does_not_read_is_dropped_and_counted(client: Client, monkeypatch) -> None:
    monkeypatch.setattr(live, "MAX_QUEUED_BYTES", 64 * 1024)
    feed, dropped = client.server.platform.live, client.server.platform.metrics.streams_dropped
    with socket.create_connection(("127.0.0.1", client.port)) as sluggard:
        sluggard.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sluggard.sendall(b"GET /api/stream?events=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_until(lambda: len(feed) == 1)
        before = dropped.total()
        for _ in range(300):
            client.send_logs(logs(50, text="x" * 1000))
            if dropped.total() > before:
                break
        assert dropped.total() == before + 1
        assert len(feed) == 0
        assert client.get("/livez").status == 200


@pytest.mark.parametrize("waiting", [0, 3])
def test_a_stopping_hub_ends_its_streams(tmp_path, waiting) -> None:
    with hub(tmp_path) as client:
        readers = [Reader(client, "events=1") for _ in range(waiting)]
        for reader in readers:
            reader.next()
        began_s = time.monotonic()
        client.server.stop()
        assert [reader.next() for reader in readers] == [("", {})] * waiting
        for reader in readers:
            reader.__exit__()
    assert time.monotonic() - began_s < 30
