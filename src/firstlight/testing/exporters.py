"""What every exporter must do."""

from collections.abc import Callable
from copy import deepcopy

from firstlight.model import Batch, Event, Kind, Level, Resource, Series, Span, SpanEvent
from firstlight.ports import Exporter
from firstlight.testing.clock import START_NS

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SPAN_ID = "b7ad6b7169203331"


def sample_batch(resource: Resource | None = None) -> Batch:
    """Return a batch with every kind of row and values that are easily mistreated."""
    sender = resource or Resource("shop", "5f1c0000000000000000000000000000", "box", 42, {"zone": "a", "cores": 2})
    batch = Batch(sender)
    odd = {"text": "grün ✓", "none": None, "deep": {"list": [1, 2.5, True]}, "big": 2**63 - 1, "nan": float("nan")}
    batch.events.append(
        Event(START_NS, "order_paid", Level.WARN, "orders", "checkout", "Paid.", odd, TRACE_ID, SPAN_ID)
    )
    batch.events.append(Event(START_NS + 1, ""))
    batch.spans.append(Span(START_NS, START_NS + 5, "pay", TRACE_ID, SPAN_ID, "", "server", "error", "no money"))
    batch.spans[0].events.append(SpanEvent(START_NS + 2, "retry", {"n": 1}))
    counter = Series(
        "orders_total", (("currency", "EUR"),), sender.service, sender.session_id, "orders", kind=Kind.COUNTER
    )
    gauge = Series("queue_length", (), sender.service, sender.session_id, "orders")
    batch.add_sample(counter, START_NS, 3.0)
    batch.add_sample(gauge, START_NS, -1.5)
    for edge, count in (("0.5", 1.0), ("+Inf", 2.0)):
        batch.add_sample(_part(sender, "bucket", (("le", edge),)), START_NS, count)
    batch.add_sample(_part(sender, "sum", ()), START_NS, 7.25)
    batch.add_sample(_part(sender, "count", ()), START_NS, 2.0)
    return batch


def check_exporter(make: Callable[[], Exporter]) -> None:
    """Check the contract of :class:`~firstlight.ports.Exporter` against exporters that ``make`` returns.

    Raises:
        AssertionError: it is broken; the message says where.
    """
    exporter = make()
    assert isinstance(exporter, Exporter), "an exporter has export(batch) and close()"
    exporter.export(Batch(Resource()))
    batch = sample_batch()
    before = deepcopy((batch.events, batch.spans, list(batch.samples.values), batch.series))
    exporter.export(batch)
    after = (batch.events, batch.spans, list(batch.samples.values), batch.series)
    assert repr(after) == repr(before), "export must leave the batch as it is: after a failure it is handed over again"
    exporter.export(sample_batch(Resource()))
    exporter.close()
    exporter.close()
    make().close()


def _part(sender: Resource, field: str, labels: tuple[tuple[str, str], ...]) -> Series:
    return Series("pay_seconds", labels, sender.service, sender.session_id, "orders", field, Kind.HISTOGRAM, "s")
