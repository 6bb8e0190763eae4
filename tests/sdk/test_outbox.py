from threading import Thread

import pytest

from firstlight.model import Batch, Event, Kind, Resource, Series
from firstlight.sdk.ledger import Ledger, Rows
from firstlight.sdk.outbox import BATCH_ROWS, Outbox

SENDER = Resource("shop")


def events(count: int, resource: Resource = SENDER) -> Batch:
    batch = Batch(resource)
    batch.events += [Event(number, "step") for number in range(count)]
    return batch


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def test_small_batches_travel_together_and_in_order(ledger: Ledger) -> None:
    outbox = Outbox(10_000, 0.0, ledger)
    line = Series("queue", kind=Kind.GAUGE)
    for count in (1, 2):
        outbox.put(events(count))
    measured = Batch(SENDER)
    measured.add_sample(line, 7, 1.5)
    outbox.put(measured)
    taken = outbox.take(0)
    assert taken is not None
    assert Rows.of(taken) == Rows(events=3, samples=1)
    assert taken.series == {line.id(): line}
    assert outbox.take(0) is None


def test_batches_of_different_senders_stay_apart(ledger: Ledger) -> None:
    outbox = Outbox(10_000, 0.0, ledger)
    outbox.put(events(1))
    outbox.put(events(1, Resource("other")))
    assert [len(batch) for batch in (outbox.take(0), outbox.take(0)) if batch is not None] == [1, 1]


def test_rows_linger_for_company_unless_there_is_enough_or_a_hurry(ledger: Ledger) -> None:
    outbox = Outbox(10_000, 3600.0, ledger)
    outbox.put(events(1))
    assert outbox.take(0) is None
    outbox.put(events(BATCH_ROWS))
    assert outbox.take(0) is not None
    outbox = Outbox(10_000, 3600.0, ledger)
    outbox.put(events(1))
    outbox.hurry(on=True)
    assert outbox.take(0) is not None


def test_a_full_outbox_drops_the_oldest_and_counts_them(ledger: Ledger) -> None:
    outbox = Outbox(1000, 0.0, ledger)
    for _ in range(5):
        outbox.put(events(400))
    assert ledger.counts().dropped == {"queue_full": Rows(events=1200)}
    outbox.drop_all("undelivered")
    assert ledger.counts().dropped["undelivered"] == Rows(events=800)
    assert outbox.is_empty()


def test_it_is_empty_only_when_what_was_taken_is_done(ledger: Ledger) -> None:
    outbox = Outbox(1000, 0.0, ledger)
    outbox.put(events(1))
    outbox.take(0)
    assert not outbox.wait_empty(0)
    outbox.done()
    assert outbox.wait_empty(0)


def test_closing_wakes_whoever_waits(ledger: Ledger) -> None:
    outbox = Outbox(1000, 0.0, ledger)
    waiting = Thread(target=outbox.take, args=(600,))
    waiting.start()
    outbox.close()
    waiting.join(30)
    assert not waiting.is_alive()
