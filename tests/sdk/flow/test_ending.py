import threading

from firstlight.sdk.flow.ending import Ending


def test_without_an_end_under_way_nobody_waits() -> None:
    assert Ending().wait(0.0)


def test_others_wait_until_it_is_over_and_its_own_thread_does_not() -> None:
    ending = Ending()
    ending.begin()
    assert ending.wait(0.0), "its own thread, interrupted"
    seen: list[bool] = []
    waiting = threading.Event()

    def other() -> None:
        seen.append(ending.wait(0.0))
        waiting.set()
        seen.append(ending.wait(30.0))

    thread = threading.Thread(target=other)
    thread.start()
    waiting.wait(30.0)
    ending.finish()
    thread.join()
    assert seen == [False, True]
