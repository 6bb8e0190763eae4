from firstlight.detect.repetition import Repetition

S = 1_000_000_000


def test_one_too_many_in_a_window_is_a_loop() -> None:
    repetition = Repetition(3, 10.0)
    assert [repetition.is_loop("a", n) for n in range(5)] == [False, False, False, True, True]
    assert not repetition.is_loop("b", 5)


def test_what_comes_slowly_is_none() -> None:
    repetition = Repetition(3, 10.0)
    assert not any(repetition.is_loop("a", n * 4 * S) for n in range(100))


def test_it_stays_one_until_a_whole_window_was_calm() -> None:
    repetition = Repetition(3, 10.0)
    # Twenty a second for two windows, then one in five seconds.
    fast = [repetition.is_loop("a", n * S // 20) for n in range(400)]
    assert fast == [False] * 3 + [True] * 397
    slow = [repetition.is_loop("a", (20 + n * 5) * S) for n in range(6)]
    assert slow == [True, True, False, False, False, False]


def test_after_silence_it_is_forgiven_at_once() -> None:
    repetition = Repetition(1, 10.0)
    assert [repetition.is_loop("a", n) for n in range(3)] == [False, True, True]
    assert not repetition.is_loop("a", 21 * S)


def test_a_clock_that_is_set_back_begins_anew() -> None:
    repetition = Repetition(2, 10.0)
    for n in range(2):
        assert not repetition.is_loop("a", 1000 * S + n)
    assert not repetition.is_loop("a", 5)


def test_different_keys_at_any_rate_are_no_loop_and_take_bounded_room() -> None:
    repetition = Repetition(3, 10.0, max_keys=100)
    assert not any(repetition.is_loop(n, n) for n in range(10_000))
    assert len(repetition) == 100


def test_a_loop_is_seen_among_different_keys() -> None:
    repetition = Repetition(3, 10.0, max_keys=100)
    seen = [repetition.is_loop(key, n) for n in range(50) for key in ("a", n)]
    assert seen[0::2] == [False] * 3 + [True] * 47
    assert not any(seen[1::2])
