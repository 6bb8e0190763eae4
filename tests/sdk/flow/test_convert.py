"""Records become columns where all is usual and rows where not, and both say the same."""

from typing import Any

import pytest

from firstlight.model import Batch, Event, EventColumns, Resource
from firstlight.sdk.flow.convert import Converter
from firstlight.sdk.flow.ledger import Ledger, Rows
from firstlight.sdk.flow.plain import MAX_FIELDS, MAX_TEXT_CHARS
from firstlight.sdk.flow.site import Site
from firstlight.sdk.flow.troubles import Troubles

pytestmark = pytest.mark.usefixtures("each_loops")

SITE = Site("pulse.scup", 9)
USUAL: dict[str, Any] = {"zone": "green", "n": 1, "ratio": 0.5, "ok": True, "none": None, "word": "öl"}
ODD: list[dict[Any, Any]] = [
    {"a": [1]},
    {"a": 2**64},
    {"a": -(2**63) - 1},
    {"a": "\ud800"},
    {"a": "x" * (MAX_TEXT_CHARS + 1)},
    {"a": object()},
    {7: "key"},
    {"\ud800": "key"},
    {str(number): number for number in range(MAX_FIELDS + 1)},
]


def record(fields: dict[Any, Any], name: Any = "step") -> tuple[Any, ...]:
    return (5, SITE, None, 7, name, fields)


def converted(*records: Any) -> tuple[Batch, Any]:
    ledger = Ledger()
    batch = Batch(Resource("t"))
    told = Converter(ledger, Troubles(ledger, raise_errors=False), lambda *_: None).add(records, batch)
    assert ledger.counts().recorded == Rows.of(batch) == Rows(events=len(records))
    return batch, told


def test_usual_events_stay_columns_until_rows_are_asked_for() -> None:
    batch, told = converted(record(USUAL), record({"body": "said", "long": "x" * 8}))
    assert batch.columns is not None
    assert (told.keys, told.names) == ({*USUAL, "body", "long"}, {"step"})
    assert told.values == ["öl", "x" * 8]
    assert batch.events == [
        Event(5, "step", 9, "pulse", "scup", "", USUAL, thread_id=7),
        Event(5, "step", 9, "pulse", "scup", "said", {"long": "x" * 8}, thread_id=7),
    ]
    assert batch.columns is None


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: ascii(odd)[:20])
def test_one_odd_event_is_made_plain_and_the_others_stay_as_they_are(odd: dict[Any, Any]) -> None:
    batch, told = converted(record(USUAL), record(odd))
    assert batch.columns is None
    assert told is None
    assert batch.events[0].attributes == USUAL
    assert len(batch.events[1].attributes) == min(len(odd), MAX_FIELDS)


def test_a_name_that_is_no_text_becomes_text() -> None:
    batch, _ = converted(record({}, name=7), record({}, name=[]))
    assert [event.name for event in batch.events] == ["7", "[]"]


def test_columns_of_rows_and_rows_of_columns_are_the_same() -> None:
    rows = [Event(1, "a", 9, "s", "c", "b", {"x": 1}, "t", "i", 3), Event(2, "b")]
    columns = EventColumns.of(rows)
    assert columns.rows() == rows
    assert columns.followed_by(columns).rows() == rows + rows
