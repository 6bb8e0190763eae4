"""Whatever an exporter does, the host never sees it, the counts are exact and the end comes in time."""

import subprocess
import sys
from collections.abc import Callable
from threading import Event as Signal
from time import monotonic, sleep
from typing import Any

import pytest

from firstlight.errors import FirstlightError, Unavailable
from firstlight.model import Batch, Event, Resource
from firstlight.ports import Exporter
from firstlight.sdk.client import Delivery, Telemetry
from firstlight.sdk.flow.ledger import Ledger, Rows
from firstlight.sdk.flow.outbox import Outbox
from firstlight.sdk.flow.sink import Sink
from firstlight.sdk.flow.troubles import Troubles

WAIT_S = 30.0
ANYTHING = [ValueError("bug"), FirstlightError("no"), MemoryError(), SystemExit(1), KeyboardInterrupt()]


class Odd(Unavailable):
    def __init__(self, retry_after_s: Any) -> None:
        super().__init__("odd")
        self.retry_after_s = retry_after_s


class Faulty:
    """Raises ``fails`` from the call that it is for, as often as told."""

    def __init__(self, call: str = "", fails: BaseException | None = None, times: int = 1) -> None:
        self.call, self.fails, self.times = call, fails, times
        self.got = 0
        self.gate = Signal()
        self.gate.set()
        self.is_inside = Signal()

    def make(self, _: Ledger) -> Exporter:
        self._maybe("make")
        return self

    def export(self, batch: Batch) -> None:
        self.is_inside.set()
        self.gate.wait(WAIT_S)
        self._maybe("export")
        self.got += len(batch)

    def close(self) -> None:
        self._maybe("close")

    def _maybe(self, call: str) -> None:
        if call == self.call and self.fails is not None and self.times:
            self.times -= 1
            raise self.fails


def telemetry(faulty: Faulty) -> Telemetry:
    delivery = Delivery(faulty.make, lambda: Resource("t"))
    made = Telemetry(delivery, raise_errors=False)
    made.deliver(delivery)
    return made


@pytest.mark.parametrize("call", ["make", "export", "close"])
@pytest.mark.parametrize("error", ANYTHING, ids=lambda error: type(error).__name__)
def test_the_host_never_sees_what_an_exporter_raises(call: str, error: BaseException) -> None:
    faulty = Faulty(call, error)
    one = telemetry(faulty)
    one.event("first")
    one.flush(WAIT_S)
    one.event("second")
    one.flush(WAIT_S)
    one.shutdown(WAIT_S)
    counts = one.counts()
    lost = sum(rows.events for rows in counts.dropped.values())
    assert counts.recorded.events == 2 == counts.exported.events + lost
    assert lost == (0 if call == "close" else 1)
    assert counts.export_errors == (0 if call == "close" else 1)


@pytest.mark.parametrize("pause", [float("nan"), float("-inf"), -5.0, "soon", None])
def test_an_odd_pause_is_a_short_one(pause: Any) -> None:
    faulty = Faulty("export", Odd(pause))
    one = telemetry(faulty)
    one.event("first")
    assert one.flush(WAIT_S)
    assert one.counts().exported.events == 1
    one.shutdown(WAIT_S)


def test_one_that_is_stuck_does_not_hold_up_the_end_and_its_batch_is_counted_once() -> None:
    faulty = Faulty()
    faulty.gate.clear()
    one = telemetry(faulty)
    one.event("first")
    assert not one.flush(0.1)
    assert faulty.is_inside.wait(WAIT_S)
    one.event("second")
    began_s = monotonic()
    assert not one.shutdown(0.2)
    assert monotonic() - began_s < WAIT_S / 2
    before = one.counts()
    assert before.dropped["undelivered"].events == 2 == before.recorded.events
    faulty.gate.set()
    while faulty.got < 1:
        sleep(0.01)
    assert one.counts() == before


class Holding:
    """Keeps what it gets until it may let go."""

    def __init__(self) -> None:
        self.held = 0
        self.may_deliver = False
        self.urgent: list[bool] = []
        self.looked = Signal()
        self.fails: BaseException | None = None

    def export(self, batch: Batch) -> None:
        self.held += len(batch)

    def catch_up(self, timeout_s: float, *, urgent: bool = False) -> bool:
        self.urgent.append(urgent)
        self.looked.set()
        if self.fails is not None:
            raise self.fails
        if self.may_deliver:
            self.held = 0
        return not self.held

    def close(self) -> None:
        pass


@pytest.fixture
def sinks() -> Any:
    made: list[Sink] = []

    def make(exporter: Exporter) -> tuple[Sink, Ledger]:
        ledger = Ledger()
        make: Callable[[Ledger], Exporter] = lambda _: exporter  # noqa: E731
        made.append(Sink(Outbox(1000, 0.0, ledger), make, ledger, Troubles(ledger, raise_errors=False)))
        return made[-1], ledger

    yield make
    for sink in made:
        sink.close(0.0)


def put(sink: Sink) -> None:
    batch = Batch(Resource("t"))
    batch.events.append(Event(1, "step"))
    sink.outbox.put(batch)


def test_a_flush_asks_for_what_is_held_back(sinks: Any) -> None:
    holding = Holding()
    sink, _ = sinks(holding)
    sink.start()
    put(sink)
    assert not sink.flush(WAIT_S)
    assert holding.urgent[-1]
    holding.may_deliver = True
    assert sink.flush(WAIT_S)
    assert holding.held == 0


def test_an_idle_sink_lets_its_exporter_catch_up(sinks: Any) -> None:
    holding = Holding()
    sink, _ = sinks(holding)
    sink.start()
    put(sink)
    assert holding.looked.wait(WAIT_S)
    assert holding.urgent[0] is False


def test_what_is_held_back_at_the_end_is_not_dropped(sinks: Any) -> None:
    holding = Holding()
    sink, ledger = sinks(holding)
    sink.start()
    put(sink)
    assert not sink.close(WAIT_S)
    assert ledger.counts().dropped == {}
    assert ledger.counts().exported == Rows(events=1)


def test_an_exporter_that_never_closes_does_not_hold_up_the_end() -> None:
    class Clinging(Faulty):
        def close(self) -> None:
            self.gate.clear()
            self.gate.wait(WAIT_S)

    faulty = Clinging()
    one = telemetry(faulty)
    one.event("first")
    began_s = monotonic()
    assert one.shutdown(0.5)
    assert monotonic() - began_s < WAIT_S / 2
    faulty.gate.set()
    assert one.counts().exported.events == 1


def test_an_exporter_that_fails_to_catch_up_is_counted(sinks: Any) -> None:
    holding = Holding()
    holding.fails = ValueError("bug")
    sink, ledger = sinks(holding)
    put(sink)
    assert not sink.flush(WAIT_S)
    assert ledger.counts().export_errors == 1


FLOOD = """
import sys, time
from threading import Thread
from firstlight.model import Resource
from firstlight.sdk.client import Delivery, Telemetry

def resident_mb():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024

class Slow:
    written, is_first = 0, True
    def export(self, batch):
        if self.is_first:
            self.is_first = False
            time.sleep(float(sys.argv[1]))
        self.written += len(batch.events)
    def close(self): pass

slow = Slow()
delivery = Delivery(lambda _: slow, lambda: Resource("t"))
telemetry = Telemetry(delivery, raise_errors=False)
telemetry.deliver(delivery)
log = telemetry.scope("a.b")
log.info("warm", n=1)
time.sleep(0.2)
before, most, sent = resident_mb(), 0.0, 1
end = time.monotonic() + float(sys.argv[1]) + 0.5
while time.monotonic() < end:
    for number in range(2000):
        log.info("request", user_id=sent + number, path="/api/orders", amount=12.5 + number, ok=True)
    sent += 2000
    most = max(most, resident_mb() - before)
telemetry.shutdown(60.0)
dropped = sum(rows.events for rows in telemetry.counts().dropped.values())
print(slow.written + dropped - sent, dropped > 0, round(most))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_sink_that_blocks_under_a_flood_loses_nothing_uncounted_and_takes_little_memory() -> None:
    done = subprocess.run([sys.executable, "-c", FLOOD, "5"], capture_output=True, text=True, timeout=120, check=True)
    missing, any_dropped, most_mb = done.stdout.split()
    assert (missing, any_dropped) == ("0", "True")
    assert int(most_mb) < 64
