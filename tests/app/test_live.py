import asyncio

import msgspec
import pytest

from firstlight.app.live import MAX_QUEUED_BYTES, ROWS_PER_MESSAGE, LiveFeed, Wants, messages
from firstlight.errors import Overloaded
from firstlight.model import Batch, Event, Resource, Series


def batch_of(events: int = 0, samples: int = 0, name: str = "m", text: str = "") -> Batch:
    batch = Batch(Resource(service="demo"))
    batch.events += [Event(number, "e", body=text) for number in range(events)]
    for number in range(samples):
        batch.add_sample(Series(name, (), "demo"), number, float(number))
    return batch


def data_of(message: bytes):
    return msgspec.json.decode(message.partition(b"\ndata: ")[2])


def test_a_batch_is_told_in_bounded_messages() -> None:
    told = list(messages(batch_of(events=ROWS_PER_MESSAGE + 1, samples=3), Wants(frozenset({"m"}), events=True)))
    assert [message.partition(b"\n")[0] for message in told] == [b"event: events", b"event: events", b"event: samples"]
    assert [len(data_of(message)["events"]) for message in told[:2]] == [ROWS_PER_MESSAGE, 1]
    assert [point["value"] for point in data_of(told[2])["points"]] == [0.0, 1.0, 2.0]


def test_nobody_is_told_what_was_not_asked_for() -> None:
    assert list(messages(batch_of(events=1, samples=1), Wants(frozenset({"other"})))) == []


def test_buckets_of_a_histogram_are_not_told() -> None:
    batch = Batch(Resource())
    batch.add_sample(Series("m", (("le", "1"),), field="bucket"), 1, 1.0)
    assert list(messages(batch, Wants(frozenset({"m"})))) == []


def test_a_subscriber_gets_everything_in_order_in_as_few_pieces_as_it_is_slow() -> None:
    async def scenario() -> bytes:
        feed = LiveFeed(2, lambda: None)
        subscriber = feed.subscribe(Wants(events=True))
        await asyncio.to_thread(feed.publish, [batch_of(events=1, text="first")])
        await asyncio.to_thread(feed.publish, [batch_of(events=1, text="second")])
        return await subscriber.next()

    told = asyncio.run(scenario())
    assert told.count(b"event: events") == 2
    assert told.index(b"first") < told.index(b"second")


def test_one_that_falls_behind_is_dropped_once_and_the_others_are_not() -> None:
    dropped: list[int] = []

    async def scenario() -> tuple[bool, bool, int]:
        feed = LiveFeed(2, lambda: dropped.append(1))
        slow, other = feed.subscribe(Wants(events=True)), feed.subscribe(Wants(frozenset({"m"})))
        for _ in range(3):
            feed.publish([batch_of(events=1, text="x" * (MAX_QUEUED_BYTES // 2))])
        feed.publish([batch_of(samples=1)])
        await asyncio.sleep(0)
        assert b"samples" in await other.next()
        return slow.ended.is_set(), other.ended.is_set(), len(feed)

    assert asyncio.run(scenario()) == (True, False, 1)
    assert dropped == [1]


def test_subscribers_are_bounded_and_a_closed_feed_takes_none() -> None:
    async def scenario() -> None:
        feed = LiveFeed(1, lambda: None)
        subscriber = feed.subscribe(Wants())
        with pytest.raises(Overloaded):
            feed.subscribe(Wants())
        feed.unsubscribe(subscriber)
        feed.unsubscribe(subscriber)
        again = feed.subscribe(Wants())
        feed.close()
        await asyncio.wait_for(again.ended.wait(), 30)
        with pytest.raises(Overloaded):
            feed.subscribe(Wants())

    asyncio.run(scenario())


def test_a_subscriber_whose_loop_is_gone_does_not_stop_the_others() -> None:
    feed = LiveFeed(2, lambda: None)

    async def scenario() -> None:
        feed.subscribe(Wants(events=True))

    asyncio.run(scenario())
    feed.publish([batch_of(events=1)])
    feed.close()
