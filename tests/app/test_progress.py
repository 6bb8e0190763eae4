import pytest

from firstlight.app.progress import Progress
from firstlight.errors import Overloaded
from firstlight.store.delivery import newest, numbered, sender_of, without_older

A, B = b"a" * 8, b"b" * 8


def test_all_deliveries_up_to_the_newest_of_a_sender_are_known() -> None:
    progress = Progress()
    progress.stored(numbered(A, 300))
    assert [progress.is_stored(numbered(A, number)) for number in (1, 299, 300, 301)] == [True, True, True, False]
    assert not progress.is_stored(numbered(B, 1))


def test_a_late_copy_does_not_set_a_sender_back() -> None:
    progress = Progress()
    progress.stored(numbered(A, 2))
    progress.stored(numbered(A, 1))
    assert progress.is_stored(numbered(A, 2))


@pytest.mark.parametrize("name", [b"", b"digest of a body"])
def test_what_has_no_number_is_never_known(name: bytes) -> None:
    progress = Progress()
    progress.stored(name)
    assert not progress.is_stored(name)
    with progress.turn(name), progress.turn(name):
        pass


def test_a_second_copy_waits_for_the_first() -> None:
    progress = Progress()
    turns = progress.turn(numbered(A, 1)), progress.turn(numbered(B, 1))
    with turns[0], turns[1], pytest.raises(Overloaded), progress.turn(numbered(A, 1)):
        pass
    with progress.turn(numbered(A, 1)):
        pass


def test_the_senders_that_were_silent_for_longest_are_forgotten() -> None:
    progress = Progress(senders_most=2)
    for sender in (A, B, A, b"c" * 8):
        progress.stored(numbered(sender, 1))
    assert [progress.is_stored(numbered(sender, 1)) for sender in (A, B, b"c" * 8)] == [True, False, True]


def test_the_newest_name_of_a_sender_stands_for_the_older_ones() -> None:
    names = {numbered(A, 1), numbered(A, 256), numbered(B, 7), b"digest"}
    assert newest(names) == {sender_of(numbered(A, 1)): numbered(A, 256), sender_of(numbered(B, 1)): numbered(B, 7)}
    assert without_older(names) == names - {numbered(A, 1)}
