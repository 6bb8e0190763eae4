import math
from threading import Thread

from firstlight.sdk.flow.ledger import Rows
from tests.sdk.recorder import Recorder


def test_it_goes_up_and_down_and_begins_at_zero(recorder: Recorder) -> None:
    active = recorder.telemetry.scope("web").up_down_counter("requests_active", unit="{request}")
    assert recorder.latest("requests_active") == {(): 0.0}
    active.inc()
    active.inc()
    active.dec()
    active.add(-4.5)
    assert recorder.latest("requests_active") == {(): -3.5}
    assert recorder.series("requests_active").kind == "gauge"


def test_what_is_no_amount_is_counted(recorder: Recorder) -> None:
    active = recorder.telemetry.scope("web").up_down_counter("requests_active", labels=("route",)).labels("/")
    for amount in (1, "text", math.inf, -math.inf, None, 2):
        active.add(amount)
    assert recorder.latest("requests_active") == {(("route", "/"),): 3.0}
    assert recorder.telemetry.counts().dropped == {"invalid": Rows(samples=4)}


def test_no_step_of_any_thread_is_lost(recorder: Recorder) -> None:
    active = recorder.telemetry.scope("web").up_down_counter("requests_active")

    def work() -> None:
        for _ in range(20_000):
            active.inc()
            active.add(2)
            active.dec()

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        recorder.telemetry.registry.fold()
    assert recorder.latest("requests_active") == {(): 160_000.0}
