from firstlight.app.sources import Sources
from firstlight.model import Batch, Event, ExponentialPoint, Resource, Series, Span


def batch_from(service: str) -> Batch:
    batch = Batch(Resource(service=service, session_id="s", host="h"))
    batch.events.append(Event(1, "e"))
    batch.spans.append(Span(1, 2, "s", "t", "i"))
    batch.add_sample(Series("m"), 1, 1.0)
    batch.exponential.append(ExponentialPoint(1, 1, 1, 1.0, 0))
    return batch


def test_what_each_sender_sent_is_counted() -> None:
    sources = Sources()
    sources.note([batch_from("a"), batch_from("b")], 10)
    sources.note([batch_from("a")], 20)
    a, b = sources.seen()
    assert (a.service, a.session_id, a.host, a.last_seen_ns) == ("a", "s", "h", 20)
    assert (a.signals.events, a.signals.spans, a.signals.samples) == (2, 2, 4)
    assert (b.service, b.signals.events, b.last_seen_ns) == ("b", 1, 10)


def test_the_answer_is_a_copy() -> None:
    sources = Sources()
    sources.note([batch_from("a")], 1)
    (seen,) = sources.seen()
    sources.note([batch_from("a")], 2)
    assert seen.signals.events == 1


def test_the_longest_silent_are_forgotten_and_counted() -> None:
    forgotten: list[int] = []
    sources = Sources(limit=2, forgotten=lambda: forgotten.append(1))
    for time_ns, service in enumerate(["a", "b", "a", "c"]):
        sources.note([batch_from(service)], time_ns)
    assert [source.service for source in sources.seen()] == ["c", "a"]
    assert forgotten == [1]
