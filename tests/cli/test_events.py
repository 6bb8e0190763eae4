import contextlib
import json
import queue
import signal
import subprocess
import sys
import threading
import time
import urllib.request

import pytest

from firstlight.app.lake import Lake
from firstlight.cli.hub_source import matches
from firstlight.cli.seen import Seen
from firstlight.cli.source import EventFilter
from firstlight.model import Batch, Event, Level, Resource
from tests.cli.conftest import surroundings
from tests.cli.terminal import on_terminal

PATIENCE_S = 20


@pytest.fixture(params=["hub", "data"])
def place(request):
    """Return the options that name each place that answers."""
    if request.param == "hub":
        return ["--url", request.getfixturevalue("hub").url]
    return ["--data", str(request.getfixturevalue("data"))]


def log(url: str, *bodies: str, severity: int = 17, service: str = "late") -> None:
    """Send log records as an OpenTelemetry program does."""
    records = [
        {
            "timeUnixNano": str(time.time_ns()),
            "severityNumber": severity,
            "body": {"stringValue": body},
            "attributes": [{"key": "text", "value": {"stringValue": "ü\n\x1b[2J"}}],
        }
        for body in bodies
    ]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    content = {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": records}]}]}
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/v1/logs", json.dumps(content).encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


@contextlib.contextmanager
def following(home, *arguments: str):
    """Run ``events --follow`` and give its process and a function that waits for its next line."""
    command = [sys.executable, "-m", "firstlight", "events", "--follow", *arguments]
    pipe = subprocess.PIPE
    env = surroundings(home)
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, encoding="utf-8", env=env) as process:
        lines: queue.Queue[str] = queue.Queue()
        assert process.stdout is not None
        reader = threading.Thread(target=lambda: [lines.put(line) for line in process.stdout])
        reader.start()
        try:
            yield process, lambda: lines.get(timeout=PATIENCE_S)
        finally:
            process.kill()
            reader.join()


def test_the_newest_come_last(here, place):
    answer = here("events", "--service", "demo", "--limit", "3", "--json", *place)
    found = [json.loads(line) for line in answer.stdout.splitlines()]
    assert [event["name"] for event in found] == ["event_97", "event_98", "event_99"]
    assert found[0]["attributes"] == {"number": 97}
    assert found[0]["time"].endswith("Z")
    assert {"time", "time_ns", "level", "subsystem", "component", "body", "trace_id", "span_id"} <= set(found[0])


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--search", "vent_9", "-n", "3"], ["event_97", "event_98", "event_99"]),
        (["--search", '"number":42}'], ["event_42"]),
        (["--search", "NUMBER 77", "--words", "--ignore-case"], ["event_77"]),
        (["--search", "number 7", "--words"], ["event_7"]),
        (["--search", "EVENT_11"], []),
        (["--search", "event_1", "--level", "critical", "--subsystem", "shop"], ["event_11", "event_17"]),
    ],
)
def test_events_are_searched(here, place, options, names):
    answer = here("events", "--service", "demo", "--json", *options, *place)
    assert [json.loads(line)["name"] for line in answer.stdout.splitlines()] == names


def test_how_to_search_needs_something_to_search_for(here, place):
    answer = here("events", "--words", *place)
    assert answer.returncode == 2
    assert "--search" in answer.stderr


@pytest.mark.parametrize(
    ("search", "how", "finds"),
    [
        ("Xid 7", {}, True),
        ("xid 7", {}, False),
        ("xid 7", {"ignore_case": True}, True),
        ("Xid bu", {"words": True}, False),
        ("79 bus Xid", {"words": True}, True),
        ('"gpu":7}', {}, True),
        ("fell", {}, True),
    ],
)
def test_a_stream_is_searched_as_the_lake_is(search, how, finds):
    event = {"time": "", "time_ns": 1, "level": "INFO", "subsystem": "", "component": "", "name": "fell"}
    event |= {"body": "Xid 79: off the bus", "attributes": {"gpu": 7}, "trace_id": "", "span_id": "", "service": ""}
    assert matches(event, EventFilter(search=search, **how)) is finds


def test_level_and_louder_and_subsystem(here, place):
    options = ("--service", "demo", "--level", "warning", "--subsystem", "shop", "-n", "1000", "--json")
    answer = here("events", *options, *place)
    found = [json.loads(line) for line in answer.stdout.splitlines()]
    # every second event is of the shop, and of six levels the loud odd ones are WARN at 3 and CRITICAL at 5
    assert [event["name"] for event in found] == [f"event_{n}" for n in range(100) if n % 6 in (3, 5)]


def test_one_line_an_event_for_people(here, place):
    answer = here("events", "--service", "demo", "-n", "1", *place)
    assert answer.stdout.count("\n") == 1
    words = answer.stdout.split()
    assert words[0].endswith("Z")
    assert len(words[0]) == len("2026-01-02T03:04:05.678Z")
    assert words[1:] == ["WARN", "demo", "shop.door", "event_99", "body", "99", "number=99"]


def test_levels_have_colours_on_a_terminal(tmp_path, data):
    arguments = ("events", "-n", "1", "--data", str(data))
    _, screen = on_terminal(*arguments, columns=60, env=surroundings(tmp_path, TERM="xterm-256color"))
    assert "\x1b[33mWARN" in screen
    _, plain = on_terminal(*arguments, columns=60, env=surroundings(tmp_path, TERM="dumb"))
    assert "\x1b" not in plain


def test_follow_a_hub(tmp_path, hub):
    options = ("--url", hub.url, "--level", "error", "--service", "late", "-n", "0", "--json")
    with following(tmp_path, *options) as (process, line):
        # until the stream is open an event is not followed, so send until the first is seen
        seen = threading.Event()

        def keep_sending() -> None:
            while not seen.wait(0.1):
                log(hub.url, "probe")

        sender = threading.Thread(target=keep_sending)
        sender.start()
        assert json.loads(line())["body"] == "probe"
        seen.set()
        sender.join()
        log(hub.url, "quiet", severity=9)
        log(hub.url, "loud")
        log(hub.url, "twice", "twice")
        bodies: list[str] = []
        while len(bodies) < 3:
            body = json.loads(line())["body"]
            bodies += [body] if body != "probe" else []
        assert bodies == ["loud", "twice", "twice"]
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
        assert process.stderr.read() == ""


def test_follow_a_data_directory(tmp_path):
    def one(body: str) -> Batch:
        batch = Batch(Resource(service="late"))
        batch.events.append(Event(time.time_ns(), "", Level.ERROR, body=body))
        return batch

    with Lake.open(tmp_path / "lake", maintain=False) as lake:
        lake.append([one("first")])
        with following(tmp_path, "--data", str(tmp_path / "lake")) as (process, line):
            assert "first" in line()
            lake.append([one("second")])
            assert "second" in line()
            lake.append([one("third")])
            assert "third" in line()
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE_S) == 0


def test_a_reader_that_leaves_ends_the_following(tmp_path, hub):
    command = [sys.executable, "-m", "firstlight", "events", "--follow", "--url", hub.url, "-n", "1"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, env=surroundings(tmp_path)) as process:
        assert process.stdout.readline()
        process.stdout.close()
        while process.poll() is None:
            log(hub.url, "into the void")
            time.sleep(0.05)
        assert process.returncode == 0
        assert process.stderr.read() == b""


def test_a_stream_that_breaks_is_taken_up_where_it_broke(tmp_path, double):
    def event(number: int) -> dict:
        stamp = time.time_ns() // 10**9 * 10**9
        return {"time": "2026-01-01T00:00:00Z", "time_ns": stamp, "level": "INFO", "name": f"e{number}"}

    first, second, third = event(1), event(2), event(3)
    stream = f": hello\n\nevent: events\ndata: {json.dumps({'events': [first, second, second]})}\n\n"
    double.answers["/api/stream"] = (200, "text/event-stream", stream.encode())
    double.answers["/api/events"] = (200, "application/json", json.dumps({"events": [first]}).encode())
    with following(tmp_path, "--url", double.url, "--json") as (process, line):
        names = [json.loads(line())["name"] for _ in range(3)]
        double.answers["/api/stream"] = (200, "text/event-stream", b": hello\n\n")
        missed = {"events": [first, second, second, third]}
        double.answers["/api/events"] = (200, "application/json", json.dumps(missed).encode())
        names.append(json.loads(line())["name"])
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
        assert "trying again" in process.stderr.read()
    assert names == ["e1", "e2", "e2", "e3"]


def test_what_was_shown_is_not_shown_again_but_equals_are():
    def event(name: str, at: int = 1) -> dict:
        return {"name": name, "time_ns": at}

    seen = Seen()
    assert seen.read_again([event("a"), event("a")]) == [event("a"), event("a")]
    assert seen.live([event("a"), event("b", 5)]) == [event("b", 5)]
    assert seen.live([event("a"), event("a")]) == [event("a")]
    assert seen.since_ns(margin_ns=2) == 3
    assert seen.read_again([event("a")] * 4 + [event("b", 5)]) == [event("a")]
