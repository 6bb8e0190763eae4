"""kill -9 amid a stream of deliveries: what was answered is kept once, what is sent again is not doubled."""

import http.client
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from firstlight.app.lake import Lake

KILLS = int(os.environ.get("FIRSTLIGHT_TEST_KILLS", "4"))
SENDERS = 4
NOW = str(time.time_ns())
RECORDS = 20


def start_hub(data: Path) -> tuple["subprocess.Popen[str]", int]:
    command = [sys.executable, "-m", "firstlight", "up", "--port", "0", "--data", str(data), "--no-host-metrics"]
    hub = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert hub.stdout is not None
    for line in hub.stdout:
        if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
            return hub, int(found[1])
    raise AssertionError("the hub said no address")


def kill(hub: "subprocess.Popen[str]") -> None:
    hub.kill()
    hub.wait()
    assert hub.stdout is not None
    hub.stdout.close()


def body(name: str) -> bytes:
    records = [{"timeUnixNano": NOW, "eventName": f"{name}-{n}", "body": {"stringValue": "x"}} for n in range(RECORDS)]
    scope = {"logRecords": records}
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "crash"}}]}
    return json.dumps({"resourceLogs": [{"resource": resource, "scopeLogs": [scope]}]}).encode()


def send(connection: http.client.HTTPConnection, data: bytes) -> bool:
    connection.request("POST", "/v1/logs", data, {"Content-Type": "application/json"})
    response = connection.getresponse()
    response.read()
    return response.status == 200


class Sender(threading.Thread):
    """Sends delivery after delivery until the hub is gone; remembers what was answered and what was not."""

    def __init__(self, port: int, prefix: str, unanswered: list[str]) -> None:
        super().__init__()
        self.port, self.prefix = port, prefix
        self.answered: list[str] = []
        self.unanswered = unanswered

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        again, self.unanswered = self.unanswered, []
        numbers = (f"{self.prefix}-{n}" for n in range(10**9))
        try:
            while True:
                name = again.pop() if again else next(numbers)
                self.unanswered = [name]
                if send(connection, body(name)):
                    self.answered.append(name)
                self.unanswered = []
        except (OSError, http.client.HTTPException):
            self.unanswered += again
        finally:
            connection.close()


def test_after_each_kill_every_answered_row_is_there_once(tmp_path: Path) -> None:
    answered: list[str] = []
    unanswered: list[list[str]] = [[] for _ in range(SENDERS)]
    for turn in range(KILLS):
        hub, port = start_hub(tmp_path)
        try:
            senders = [Sender(port, f"{turn}-{n}", unanswered[n]) for n in range(SENDERS)]
            for sender in senders:
                sender.start()
            end = time.monotonic() + 30
            while sum(len(sender.answered) for sender in senders) < SENDERS:
                assert time.monotonic() < end, "the hub answers nothing"
                time.sleep(0.01)
            time.sleep(0.05 + 0.11 * (turn % 7))
        finally:
            kill(hub)
        for sender in senders:
            sender.join()
        answered += [name for sender in senders for name in sender.answered]
        unanswered = [sender.unanswered for sender in senders]
        check(tmp_path, answered, [name for names in unanswered for name in names])
    assert len(answered) >= KILLS * SENDERS


def check(data: Path, answered: list[str], unanswered: list[str]) -> None:
    with Lake.open(data, read_only=True) as lake:
        rows = lake.sql("SELECT name, count(*) FROM events WHERE service = 'crash' GROUP BY name").rows
    kept = Counter(dict(rows))
    assert {name: n for name, n in kept.items() if n != 1} == {}
    expected = {f"{name}-{n}" for name in answered for n in range(RECORDS)}
    assert expected - kept.keys() == set()
    allowed = expected | {f"{name}-{n}" for name in unanswered for n in range(RECORDS)}
    assert kept.keys() - allowed == set()
