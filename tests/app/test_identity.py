import multiprocessing
import os
import time

from firstlight.app.identity import identity, process_start_ns, sender


def test_the_start_of_the_process_is_known() -> None:
    before_ns = time.time_ns()
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=lambda: queue.put((os.getpid(), sender("shop", {})())))
    child.start()
    pid, described = queue.get()
    child.join()
    mine = sender("shop", {"zone": "a"})()
    assert described.pid == pid
    assert described.session_id != mine.session_id
    # The system counts in hundredths of a second.
    assert before_ns - 20_000_000 <= described.attributes["process.start_time_ns"] <= time.time_ns()
    assert mine.attributes["process.start_time_ns"] < before_ns
    assert mine.attributes["zone"] == "a"


def test_it_stays_the_same() -> None:
    assert identity() == identity()
    assert abs(identity().started_ns - process_start_ns()) < 1_000_000_000
