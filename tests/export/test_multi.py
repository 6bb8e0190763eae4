import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from firstlight.errors import FirstlightError, NotReachable, Unavailable, UsageError
from firstlight.export.memory import MemoryExporter
from firstlight.export.multi import MultiExporter
from firstlight.export.spool import SpoolExporter
from firstlight.testing import check_exporter
from tests.export.receivers import Plain, Receiver, events

WAIT_S = 30.0


@pytest.fixture
def one() -> Plain:
    return Plain()


@pytest.fixture
def other() -> Plain:
    return Plain()


@pytest.fixture
def multis() -> Iterator[Any]:
    made: list[MultiExporter] = []

    def make(*exporters: Any, **options: Any) -> MultiExporter:
        made.append(MultiExporter(exporters, close_s=0.0, **options))
        return made[-1]

    yield make
    for multi in made:
        multi.close()


def test_it_keeps_the_contract() -> None:
    check_exporter(lambda: MultiExporter([MemoryExporter(), MemoryExporter()]))
    check_exporter(MultiExporter)


def test_each_gets_every_batch_once_in_order(one: Plain, other: Plain, multis: Any) -> None:
    multi = multis(one, other, names=("files", "hub"))
    for number in range(1, 101):
        multi.export(events(number))
    assert multi.catch_up(WAIT_S, urgent=True)
    assert one.got == other.got == list(range(1, 101))
    assert {name: counts.exported for name, counts in multi.counts().items()} == {
        "files": (100, 0, 0),
        "hub": (100, 0, 0),
    }


def test_one_that_is_away_holds_nobody_up_and_doubles_nothing(one: Plain, other: Plain, multis: Any) -> None:
    multi = multis(one, other)
    other.fails = NotReachable("away", 0.0)
    for number in range(1, 11):
        multi.export(events(number))
    assert not multi.catch_up(0.2, urgent=True)
    assert one.got == list(range(1, 11))
    other.fails = None
    assert multi.catch_up(WAIT_S, urgent=True)
    assert one.got == other.got == list(range(1, 11))


def test_one_that_is_stuck_holds_nobody_up_and_what_it_loses_is_counted(one: Plain, other: Plain) -> None:
    lost: Counter[tuple[str, str]] = Counter()

    def dropped(name: str, reason: str, rows: tuple[int, int, int]) -> None:
        lost[name, reason] += rows[0]

    multi = MultiExporter([one, other], names=("one", "other"), queue_rows=50, close_s=0.0, on_dropped=dropped)
    other.gate.clear()
    multi.export(events(1))
    assert other.is_inside.wait(WAIT_S)
    for number in range(2, 102):
        multi.export(events(number))
        multi._lanes[0].wait_empty(WAIT_S)
    multi.close()
    other.gate.set()
    assert one.got == list(range(1, 102))
    assert one.closed == 1
    counts = multi.counts()["other"]
    assert counts.exported == (0, 0, 0)
    assert counts.dropped == {"queue_full": (50, 0, 0), "undelivered": (51, 0, 0)}
    assert lost == {("other", "queue_full"): 50, ("other", "undelivered"): 51}


@pytest.mark.parametrize(
    ("error", "reason"),
    [(FirstlightError("no"), "refused"), (ValueError("bug"), "export_failed"), (SystemExit(3), "export_failed")],
)
def test_what_one_turns_down_is_its_own_loss(
    one: Plain, other: Plain, multis: Any, error: BaseException, reason: str
) -> None:
    multi = multis(one, other, names=("one", "other"))
    other.fails = error
    multi.export(events(1))
    assert multi.catch_up(WAIT_S, urgent=True)
    other.fails = None
    multi.export(events(2))
    assert multi.catch_up(WAIT_S, urgent=True)
    assert (one.got, other.got) == ([1, 2], [2])
    assert multi.counts()["other"].dropped == {reason: (1, 0, 0)}
    assert multi.counts()["one"].dropped == {}


def test_a_spool_behind_it_delivers_too(one: Plain, multis: Any, tmp_path: Path) -> None:
    receiver = Receiver()
    receiver.fails = Unavailable("away", 0.0)
    multi = multis(one, SpoolExporter(receiver, tmp_path))
    multi.export(events(1))
    assert not multi.catch_up(0.2, urgent=True)
    receiver.fails = None
    assert multi.catch_up(WAIT_S, urgent=True)
    assert receiver.got == one.got == [1]


def test_closing_closes_all_even_if_one_fails_to(other: Plain) -> None:
    class Clinging(Plain):
        def close(self) -> None:
            raise ValueError("never")

    multi = MultiExporter([Clinging(), other])
    multi.export(events(1))
    with pytest.raises(ValueError, match="never"):
        multi.close()
    multi.close()
    assert (other.got, other.closed) == ([1], 1)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_delivers_with_threads_of_its_own(tmp_path: Path) -> None:
    class Lines(Plain):
        def export(self, batch: Any) -> None:
            with open(tmp_path / "got", "a") as file:
                file.write("".join(f"{event.time_ns}\n" for event in batch.events))

    multi = MultiExporter([Lines()])
    multi.export(events(1))
    assert multi.catch_up(WAIT_S, urgent=True)
    child = os.fork()
    if child == 0:
        try:
            multi.export(events(2))
            multi.catch_up(WAIT_S, urgent=True)
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    multi.close()
    assert (tmp_path / "got").read_text() == "1\n2\n"


def test_names_are_told_apart_and_must_be_as_many(one: Plain, other: Plain, multis: Any) -> None:
    assert list(multis(one, other, MemoryExporter()).counts()) == ["Plain-1", "Plain-2", "MemoryExporter"]
    with pytest.raises(UsageError, match="2 exporters"):
        MultiExporter([one, other], names=("one",))
