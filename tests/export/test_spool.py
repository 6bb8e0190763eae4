import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from firstlight.codecs.packed import pack
from firstlight.errors import FirstlightError, NotReachable, Unavailable, UsageError
from firstlight.export.memory import MemoryExporter
from firstlight.export.spool import SpoolExporter
from firstlight.model import Batch
from firstlight.testing import check_exporter, sample_batch
from tests.export.receivers import Receiver, events

AWAY = NotReachable("away", 0.0)


class Moves(Counter[str]):
    """Adds up events by what became of them."""

    def __call__(self, what: str, counts: tuple[int, int, int]) -> None:
        self[what] += counts[0]


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def spools(receiver: Receiver, tmp_path: Path) -> Iterator[Any]:
    made: list[SpoolExporter] = []

    def make(**options: Any) -> SpoolExporter:
        made.append(SpoolExporter(receiver, tmp_path / "spool", **options))
        return made[-1]

    yield make
    for spool in made:
        spool.close()


def files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "spool").glob("*/*.spool"))


def die(spool: SpoolExporter) -> None:
    """Leave everything as a killed process does."""
    for drawer in (spool._own, *spool._adopted):
        drawer.leave()
    spool._closed = True


def test_it_keeps_the_contract(tmp_path: Path) -> None:
    check_exporter(lambda: SpoolExporter(MemoryExporter(), tmp_path))
    assert not any(tmp_path.iterdir())


def test_a_present_receiver_gets_batches_at_once_and_nothing_touches_the_disk(
    receiver: Receiver, spools: Any, tmp_path: Path
) -> None:
    spools().export(events(1, 3))
    assert receiver.got == [1, 2, 3]
    assert not (tmp_path / "spool").exists()


def test_what_comes_while_it_is_away_is_delivered_in_order_when_it_is_back(
    receiver: Receiver, spools: Any, tmp_path: Path
) -> None:
    moves = Moves()
    spool = spools(on_moved=moves)
    receiver.fails = AWAY
    for number in range(1, 50):
        spool.export(events(number))
    assert not spool.catch_up(1.0, urgent=True)
    assert files(tmp_path)
    receiver.fails = None
    assert spool.catch_up(10.0, urgent=True)
    spool.export(events(50))
    assert receiver.got == list(range(1, 51))
    assert moves == {"held": 49, "delivered": 49}
    assert not files(tmp_path)


def test_a_receiver_that_is_away_is_asked_less_and_less(receiver: Receiver, spools: Any) -> None:
    spool = spools()
    receiver.fails = Unavailable("busy", 20.0)
    for number in range(1, 200):
        spool.export(events(number))
        spool.catch_up(1.0)
    assert receiver.tries == 1


def test_a_batch_whose_answer_was_lost_arrives_once(receiver: Receiver, spools: Any) -> None:
    spool = spools()
    receiver.loses_answers = True
    spool.export(events(1))
    spool.export(events(2))
    spool.catch_up(1.0, urgent=True)
    receiver.loses_answers = False
    assert spool.catch_up(1.0, urgent=True)
    assert receiver.got == [1, 2]


def test_everything_in_a_batch_comes_back_from_the_disk(tmp_path: Path) -> None:
    class Away(MemoryExporter):
        away = True

        def export(self, batch: Batch) -> None:
            if self.away:
                raise AWAY
            super().export(batch)

    inner = Away()
    spool = SpoolExporter(inner, tmp_path)
    sent = sample_batch()
    spool.export(sent)
    inner.away = False
    assert spool.catch_up(1.0, urgent=True)
    spool.close()
    (back,) = inner.batches
    assert pack(back) == pack(sent)


def test_a_full_spool_drops_the_oldest_and_counts_them_exactly(receiver: Receiver, spools: Any, tmp_path: Path) -> None:
    moves = Moves()
    most = 300_000
    spool = spools(max_bytes=most, on_moved=moves)
    receiver.fails = AWAY
    for number in range(0, 20_000, 100):
        spool.export(events(number, 100))
        assert sum(path.stat().st_size for path in files(tmp_path)) <= most
    receiver.fails = None
    assert spool.catch_up(60.0, urgent=True)
    assert moves["spool_full"] > 0
    assert moves["held"] == 20_000 == moves["delivered"] + moves["spool_full"]
    assert receiver.got == list(range(moves["spool_full"], 20_000))


def test_dropping_counts_only_what_was_not_delivered_yet(receiver: Receiver, spools: Any) -> None:
    moves = Moves()
    spool = spools(max_bytes=200_000, on_moved=moves)
    receiver.fails = AWAY
    for number in range(0, 2_000, 10):
        spool.export(events(number, 10))
    receiver.fails = None
    spool.catch_up(0.0, urgent=True)
    assert 0 < moves["delivered"] < 2_000
    receiver.fails = AWAY
    for number in range(2_000, 20_000, 10):
        spool.export(events(number, 10))
    receiver.fails = None
    spool.catch_up(60.0, urgent=True)
    assert moves["held"] == 20_000 == moves["delivered"] + moves["spool_full"]
    assert len(receiver.got) == len(set(receiver.got)) == moves["delivered"]


@pytest.mark.parametrize("delivered", [0, 3])
def test_what_a_dead_process_left_is_adopted_once(
    receiver: Receiver, spools: Any, tmp_path: Path, delivered: int
) -> None:
    first = spools()
    receiver.fails = AWAY
    for number in range(1, 8):
        first.export(events(number))
    receiver.fails = None
    for _ in range(delivered):
        first.catch_up(0.0, urgent=True)
    assert receiver.got == list(range(1, delivered + 1))
    die(first)
    moves = Moves()
    second, third = spools(on_moved=moves), spools()
    assert second.catch_up(10.0, urgent=True)
    assert third.catch_up(10.0, urgent=True)
    assert receiver.got == list(range(1, 8))
    assert moves == {"adopted": 7 - delivered, "delivered": 7 - delivered}
    assert not files(tmp_path)


def test_a_process_that_died_before_it_noted_a_delivery_does_not_double_it(receiver: Receiver, spools: Any) -> None:
    first = spools()
    receiver.loses_answers = True
    for number in range(1, 4):
        first.export(events(number))
    die(first)
    receiver.loses_answers = False
    assert spools().catch_up(10.0, urgent=True)
    assert receiver.got == [1, 2, 3]


def test_the_living_keep_their_own(receiver: Receiver, spools: Any) -> None:
    first = spools()
    receiver.fails = AWAY
    first.export(events(1))
    receiver.fails = None
    other = spools()
    assert other.catch_up(1.0, urgent=True)
    assert receiver.got == []
    assert first.catch_up(1.0, urgent=True)
    assert receiver.got == [1]


def test_what_is_left_at_a_proper_end_goes_out_with_the_next_start(receiver: Receiver, spools: Any) -> None:
    first = spools()
    receiver.fails = AWAY
    first.export(events(1))
    first.close()
    assert receiver.closed == 1
    receiver.fails = None
    second = spools()
    second.export(events(2))
    assert second.catch_up(1.0, urgent=True)
    assert sorted(receiver.got) == [1, 2]


@pytest.mark.parametrize("cut", [1, 30, 60])
def test_a_torn_end_costs_only_the_record_that_was_being_written(
    receiver: Receiver, spools: Any, tmp_path: Path, cut: int
) -> None:
    first = spools()
    receiver.fails = AWAY
    for number in range(1, 4):
        first.export(events(number))
    die(first)
    (path,) = files(tmp_path)
    os.truncate(path, path.stat().st_size - cut)
    receiver.fails = None
    second = spools()
    assert second.catch_up(1.0, urgent=True)
    assert receiver.got == [1, 2]
    assert second.damaged_bytes > 0


def test_a_record_that_the_receiver_turns_down_is_counted_and_the_next_go_on(receiver: Receiver, spools: Any) -> None:
    for error, reason in ((FirstlightError("no"), "refused"), (ValueError("bug"), "export_failed")):
        moves = Moves()
        spool = spools(on_moved=moves)
        receiver.fails = AWAY
        spool.export(events(1))
        receiver.fails = error
        assert spool.catch_up(1.0, urgent=True)
        assert moves == {"held": 1, reason: 1}


def test_without_a_disk_the_caller_keeps_the_batch(receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    spool = SpoolExporter(receiver, tmp_path / "file")
    receiver.fails = AWAY
    batch = events(1)
    for _ in range(2):
        with pytest.raises(Unavailable, match="nor can it be kept on disk"):
            spool.export(batch)
    receiver.fails = None
    spool.export(batch)
    spool.export(events(2))
    spool.close()
    assert receiver.got == [1, 2]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_a_spool_of_its_own(receiver: Receiver, spools: Any, tmp_path: Path) -> None:
    spool = spools()
    receiver.fails = AWAY
    spool.export(events(1))
    child = os.fork()
    if child == 0:
        try:
            spool.export(events(2))
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert len({path.parent for path in files(tmp_path)}) == 2
    receiver.fails = None
    spool._next_look_s = 0.0
    assert spool.catch_up(1.0, urgent=True)
    assert sorted(receiver.got) == [1, 2]


def test_only_this_user_may_read_what_waits(receiver: Receiver, spools: Any, tmp_path: Path) -> None:
    receiver.fails = AWAY
    spools().export(events(1))
    (path,) = files(tmp_path)
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_no_room_at_all_is_refused(receiver: Receiver, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="0 bytes"):
        SpoolExporter(receiver, tmp_path, max_bytes=0)
