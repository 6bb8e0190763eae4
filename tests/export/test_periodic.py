import os
from collections import Counter

import pytest

from firstlight.errors import FirstlightError, Overloaded, Unavailable, UsageError
from firstlight.export.memory import MemoryExporter
from firstlight.export.periodic import PeriodicExporter
from firstlight.model import Resource
from firstlight.testing import check_exporter, sample_batch
from tests.export.receivers import Plain, events


class Moves(Counter[str]):
    def __call__(self, what: str, counts: tuple[int, int, int]) -> None:
        self[what] += counts[0]


def test_it_keeps_the_contract() -> None:
    check_exporter(lambda: PeriodicExporter(MemoryExporter()))


def test_batches_of_one_interval_travel_together() -> None:
    inner, moves = Plain(), Moves()
    exporter = PeriodicExporter(inner, 3600.0, on_moved=moves)
    for number in range(1, 11):
        exporter.export(events(number))
        assert not exporter.catch_up(1.0)
    assert inner.got == []
    assert exporter.catch_up(1.0, urgent=True)
    assert (inner.batches, inner.got) == (1, list(range(1, 11)))
    assert moves == {"held": 10, "delivered": 10}


def test_an_interval_that_is_over_delivers() -> None:
    inner = Plain()
    exporter = PeriodicExporter(inner, 1e-9)
    exporter.export(events(1))
    assert inner.got == [1]


def test_many_rows_do_not_wait() -> None:
    inner = Plain()
    exporter = PeriodicExporter(inner, 3600.0, max_rows=5)
    exporter.export(events(1, 4))
    exporter.export(events(5))
    assert inner.got == [1, 2, 3, 4, 5]


def test_senders_stay_apart_and_everything_is_carried() -> None:
    inner = MemoryExporter()
    exporter = PeriodicExporter(inner, 3600.0)
    first, second = sample_batch(), sample_batch(Resource("other"))
    for batch in (first, second):
        exporter.export(batch)
    exporter.catch_up(1.0, urgent=True)
    assert [batch.resource for batch in inner.batches] == [first.resource, second.resource]
    assert [len(batch) for batch in inner.batches] == [len(first), len(second)]
    assert inner.batches[0].series == first.series


def test_a_batch_that_was_tried_is_tried_again_unchanged() -> None:
    inner = Plain()
    exporter = PeriodicExporter(inner, 3600.0)
    exporter.export(events(1))
    inner.fails = Unavailable("away", 0.0)
    assert not exporter.catch_up(1.0, urgent=True)
    exporter.export(events(2))
    inner.fails = None
    assert exporter.catch_up(1.0, urgent=True)
    assert (inner.batches, inner.got) == (2, [1, 2])


def test_without_room_the_caller_keeps_the_batch() -> None:
    inner = Plain()
    inner.fails = Unavailable("away", 60.0)
    exporter = PeriodicExporter(inner, 3600.0, max_rows=5)
    exporter.export(events(1, 10))
    with pytest.raises(Overloaded, match="10 rows"):
        exporter.export(events(11))


@pytest.mark.parametrize(
    ("error", "reason"), [(FirstlightError("no"), "refused"), (ValueError("bug"), "export_failed")]
)
def test_what_is_turned_down_is_counted(error: Exception, reason: str) -> None:
    inner, moves = Plain(), Moves()
    inner.fails = error
    exporter = PeriodicExporter(inner, 3600.0, on_moved=moves)
    exporter.export(events(1))
    assert exporter.catch_up(1.0, urgent=True)
    assert moves == {"held": 1, reason: 1}


def test_closing_delivers_or_counts_the_rest() -> None:
    for error, what in ((None, "delivered"), (Unavailable("away"), "undelivered")):
        inner, moves = Plain(), Moves()
        inner.fails = error
        exporter = PeriodicExporter(inner, 3600.0, on_moved=moves)
        exporter.export(events(1))
        exporter.close()
        assert (moves, inner.closed) == ({"held": 1, what: 1}, 1)


@pytest.mark.parametrize("options", [{"interval_s": 0.0}, {"max_rows": 0}])
def test_intervals_and_rows_are_above_zero(options: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="above zero"):
        PeriodicExporter(Plain(), **options)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_leaves_what_was_kept_to_its_parent() -> None:
    inner = Plain()
    exporter = PeriodicExporter(inner, 3600.0)
    exporter.export(events(1))
    child = os.fork()
    if child == 0:
        exporter.export(events(2))
        exporter.catch_up(1.0, urgent=True)
        os._exit(0 if inner.got == [2] else 1)
    assert os.waitpid(child, 0)[1] == 0
    exporter.catch_up(1.0, urgent=True)
    assert inner.got == [1]
