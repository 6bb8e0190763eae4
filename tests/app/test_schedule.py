import logging
import threading

from firstlight.app.schedule import Periodic


def test_it_acts_at_once_and_again_and_stops() -> None:
    turns, thrice = [], threading.Event()

    def act():
        turns.append(threading.current_thread().name)
        if len(turns) == 3:
            thrice.set()

    periodic = Periodic("test", 0.001, act, turns.append)
    periodic.start()
    assert thrice.wait(30)
    periodic.stop()
    count = len(turns)
    assert set(turns) == {"firstlight-test"}
    assert len(turns) == count


def test_a_failed_turn_is_told_and_does_not_end_it(caplog) -> None:
    failures, twice = [], threading.Event()

    def note(name):
        failures.append(name)
        if len(failures) == 2:
            twice.set()

    with caplog.at_level(logging.CRITICAL):
        periodic = Periodic("test", 0.001, lambda: 1 // 0, note)
        periodic.start()
        assert twice.wait(30)
        periodic.stop()
    assert failures[:2] == ["test", "test"]


def test_stopping_before_the_start_does_nothing() -> None:
    Periodic("test", 1.0, lambda: None, print).stop()
