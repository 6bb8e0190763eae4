import gc
import logging
import os
import subprocess
import sys
import threading
from threading import Event

import pytest

from firstlight.model import Series
from firstlight.sdk.flow.ledger import Ledger
from firstlight.sdk.flow.troubles import Troubles
from firstlight.sdk.metrics import asker as patience
from firstlight.sdk.metrics.asker import Asker
from firstlight.sdk.metrics.observable import Reading
from tests.sdk.recorder import Recorder


class Prompt:
    def __init__(self, name: str = "prompt") -> None:
        self.name = name

    def read(self) -> list[Reading]:
        return [Reading(Series(self.name), 1.0)]


class Stuck(Prompt):
    def __init__(self) -> None:
        super().__init__("stuck")
        self.go_on = Event()

    def read(self) -> list[Reading]:
        self.go_on.wait()
        return super().read()


class Broken(Prompt):
    def read(self) -> list[Reading]:
        raise OSError("no such sensor")


@pytest.fixture
def asker(monkeypatch: pytest.MonkeyPatch) -> Asker:
    monkeypatch.setattr(patience, "PATIENCE_S", 0.05)
    return Asker(Troubles(Ledger(), raise_errors=False))


def names(readings: list[Reading]) -> list[str]:
    return [reading.series.name for reading in readings]


def test_one_that_fails_does_not_silence_the_others(asker: Asker, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "firstlight"):
        for _ in range(3):
            assert names(asker.ask([Prompt("a"), Broken(), Prompt("b")])) == ["a", "b"]
    assert asker.failures == {"error": 3}
    assert [record.message for record in caplog.records] == ["asking Broken failed: OSError: no such sensor"]


def test_one_that_does_not_answer_holds_up_nobody_and_is_left_alone(asker: Asker) -> None:
    stuck = Stuck()
    for _ in range(3):
        assert names(asker.ask([Prompt("a"), stuck, Prompt("b")])) == ["a", "b"]
    assert asker.failures == {"slow": 3}
    (thread,) = asker._stuck.values()
    stuck.go_on.set()
    thread.join()
    assert names(asker.ask([Prompt("a"), stuck, Prompt("b")])) == ["a", "stuck", "b"]
    assert asker.failures == {"slow": 3}


def test_those_that_do_not_answer_may_keep_only_so_many_threads(asker: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "MAX_STUCK", 3)
    stuck = [Stuck() for _ in range(10)]
    before = threading.active_count()
    for _ in range(5):
        asker.ask([*stuck, Prompt()])
    assert threading.active_count() <= before + 4
    for one in stuck:
        one.go_on.set()
    for thread in asker._stuck.values():
        thread.join()
    assert len(asker.ask([*stuck, Prompt()])) == 11


def test_its_thread_ends_with_it(asker: Asker) -> None:
    asker.ask([Prompt()])
    assert asker._worker is not None
    thread = asker._worker.thread
    assert thread is not None
    one = Asker(Troubles(Ledger(), raise_errors=False))
    one.prepare()
    assert one._worker is not None
    thread = one._worker.thread
    assert thread is not None
    del one
    gc.collect()
    thread.join(10)
    assert not thread.is_alive()


def test_a_failing_callback_fails_the_test_that_has_it() -> None:
    recorder = Recorder(raise_errors=True)
    recorder.telemetry.scope("").observe_gauge("x", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        recorder.telemetry.flush()
    assert recorder.memory.latest("firstlight_sdk_callback_failures_total") == {(("reason", "error"),): 1.0}
    with pytest.raises(ZeroDivisionError):
        recorder.telemetry.shutdown()


def test_a_forked_child_asks_too(recorder: Recorder) -> None:
    pids: list[int] = []
    recorder.telemetry.scope("").observe_gauge("x", lambda: pids.append(os.getpid()) or 1)
    recorder.telemetry.flush()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            recorder.telemetry.flush()
            os.write(writing, f"{pids[-1] == os.getpid()}".encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert pipe.read() == b"True"


def test_the_last_report_of_a_process_asks_too() -> None:
    program = """
from firstlight.model import Resource
from firstlight.sdk.client import Delivery, Telemetry

class Printer:
    def export(self, batch):
        names = [batch.series[series_id].name for series_id in batch.samples.series_ids]
        print([value for name, value in zip(names, batch.samples.values) if name == "x"])
    def close(self): pass

delivery = Delivery(lambda _: Printer(), lambda: Resource("shop"))
telemetry = Telemetry(delivery)
telemetry.scope("").observe_gauge("x", lambda: 7)
"""
    outcome = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "[7.0]\n", "")
