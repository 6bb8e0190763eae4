from threading import Thread

import pytest

from firstlight.codecs.packed import pack
from firstlight.model import Batch, Event, EventColumns, Kind, Resource, Series
from firstlight.sdk.flow.ledger import Ledger, Rows
from firstlight.sdk.flow.outbox import BATCH_ROWS, PLAIN_BATCHES, Outbox
from firstlight.testing import sample_batch

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


def test_many_batches_wait_packed_and_come_out_as_they_were(ledger: Ledger) -> None:
    outbox = Outbox(10**6, 0.0, ledger)
    sent = [sample_batch(SENDER) for _ in range(5 * PLAIN_BATCHES)]
    for batch in sent:
        batch.events *= BATCH_ROWS // 2
        outbox.put(batch)
    assert outbox._bytes > 0
    taken = [outbox.take(0) for _ in sent]
    assert [pack(batch) for batch in taken if batch is not None] == [pack(batch) for batch in sent]
    assert all(batch is not None and batch.resource is SENDER for batch in taken)
    assert outbox._bytes == outbox._rows == 0


def test_the_bytes_that_wait_are_bounded_and_what_gives_way_is_counted(ledger: Ledger) -> None:
    outbox = Outbox(10**6, 0.0, ledger, max_bytes=100_000)
    for _ in range(50):
        outbox.put(events(BATCH_ROWS))
        assert outbox._bytes <= 100_000
    outbox.drop_all("undelivered")
    dropped = ledger.counts().dropped
    assert dropped["queue_full"].events + dropped["undelivered"].events == 50 * BATCH_ROWS
    assert dropped["queue_full"].events > 0


def test_what_cannot_be_packed_waits_as_it_is(ledger: Ledger) -> None:
    outbox = Outbox(10**6, 0.0, ledger)
    for number in range(2 * PLAIN_BATCHES):
        batch = events(BATCH_ROWS)
        batch.events[0].attributes = {"huge": 2**64 + number}
        outbox.put(batch)
    first = outbox.take(0)
    assert first is not None
    assert first.events[0].attributes == {"huge": 2**64}


def test_columns_that_travel_together_stay_columns(ledger: Ledger) -> None:
    outbox = Outbox(10_000, 0.0, ledger)
    for number in (1, 2):
        batch = Batch(SENDER)
        batch.columns = EventColumns.of([Event(number, "step")])
        outbox.put(batch)
    taken = outbox.take(0)
    assert taken is not None
    assert taken.columns is not None
    assert [event.time_ns for event in taken.events] == [1, 2]
