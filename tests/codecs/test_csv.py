import csv
import io
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.codecs import csv as ours
from firstlight.codecs.jsonl import PROCESS_START
from firstlight.errors import DecodeError, FirstlightError
from firstlight.model import Batch, Event, Kind, Level, Resource, Series

NOW_NS = 1_758_277_815_123_456_789
SENDER = Resource("dawn", "s-1", "", 12345, {PROCESS_START: NOW_NS - 123_450_000_000})
FORMULAS = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "'=x", "'", "''x"]
PLAIN = ["a,b", 'say "x"', "two\nlines", "two\r\nlines", "", " x ", "grün ✓", "1e3", "x=1"]

texts = st.text(st.characters(codec="utf-8"), max_size=6) | st.sampled_from(FORMULAS + PLAIN)
json_values = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | texts | st.lists(texts, max_size=2)
events = st.builds(
    Event,
    st.integers(-(10**18), 10**19 - 1),
    texts,
    st.sampled_from(Level).map(int),
    texts,
    texts,
    texts,
    # A tick that is null is no tick.
    st.dictionaries(texts | st.just("tick_id"), json_values, max_size=3).filter(
        lambda d: d.get("tick_id", 0) is not None
    ),
    st.sampled_from(["", "a" * 32]),
    st.sampled_from(["", "b" * 16]),
    st.integers(0, 2**63 - 1),
)


def cells(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


def written(made: list[Event], guard: bool = True) -> bytes:
    return ours.header(ours.EVENT_COLUMNS) + ours.encode_events(made, SENDER, guard)


def test_golden_bytes() -> None:
    event = Event(
        NOW_NS, "zone", Level.INFO, "pulse", "scup", 'say "x"\nnow', {"a": "b,c", "tick_id": 7}, "a" * 32, "b" * 16
    )
    event.thread_id = 9
    assert written([event]).decode() == (
        "timestamp,level,subsystem,component,event_type,tick_id,session_id,data,process_id,thread_id,uptime_seconds,"
        "trace_id,span_id,message,service\r\n"
        '2025-09-19T10:30:15.123456789Z,INFO,pulse,scup,zone,7,s-1,"{""a"":""b,c""}",12345,9,123.450,'
        f'{"a" * 32},{"b" * 16},"say ""x""\nnow",dawn\r\n'
    )
    (batch,) = ours.decode_events(written([event]))
    assert batch.events == [event]
    assert batch.resource == SENDER


@given(st.lists(events, max_size=4), st.booleans())
def test_events_come_back(made: list[Event], guard: bool) -> None:
    back = [event for batch in ours.decode_events(written(made, guard), guard) for event in batch.events]
    assert back == made


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_are_guarded_and_come_back(text: str) -> None:
    event = Event(NOW_NS, text, body=text, attributes={"tick_id": text})
    row = cells(written([event]))[1]
    assert row[4] == row[13] == f"'{text}"
    assert ours.decode_events(written([event]))[0].events[0].name == text
    assert cells(written([event], guard=False))[1][4] == text


@pytest.mark.parametrize("text", PLAIN)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert cells(written([Event(NOW_NS, text)]))[1][4] == text


def test_numbers_are_never_guarded() -> None:
    batch = Batch(SENDER)
    batch.add_sample(Series("=x", (("a", "-b"),)), NOW_NS, -1.5)
    row = cells(ours.encode_metrics(batch))[0]
    assert (row[1], row[4]) == ("'=x", "-1.5")
    assert cells(written([Event(NOW_NS, "", attributes={"tick_id": -5})]))[1][5] == "-5"


def test_metrics_come_back_bit_for_bit() -> None:
    batch = Batch(SENDER)
    series = Series("wait_seconds", (("le", "0,5"),), "dawn", "s-1", "a.b", "bucket", Kind.HISTOGRAM, "s")
    values = [0.1 + 0.2, -0.0, math.inf, -math.inf, 2.0**63, 5e-324]
    for number, value in enumerate(values):
        batch.add_sample(series, NOW_NS + number, value)
    data = ours.header(ours.METRIC_COLUMNS) + ours.encode_metrics(batch)
    back = ours.decode_metrics(data)
    assert back.series == batch.series
    assert list(back.samples.times_ns) == list(batch.samples.times_ns)
    assert [value.hex() for value in back.samples.values] == [value.hex() for value in values]


def test_what_has_no_form_is_refused() -> None:
    with pytest.raises(FirstlightError, match="cannot be written as CSV"):
        ours.encode_events([Event(0, "", attributes={"a": object()})], SENDER)
    batch = Batch(SENDER)
    batch.add_sample(Series("x"), 2**63 - 1, 1.0)
    assert cells(ours.encode_metrics(batch))[0][0].startswith("2262-")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda text: text.replace("level", "loudness", 1), "line 1: the first line should be"),
        (lambda text: text.replace("INFO", "LOUD"), "line 2: no level"),
        (lambda text: text.replace("2025-", "then "), "line 2: a time looks like"),
        (lambda text: text.replace(",zone,", ","), "line 2: 14 cells"),
        (lambda text: text.replace("{}", "{"), "line 2"),
        (lambda text: text.replace("{}", "3").replace(",,s-1", ",1,s-1"), "line 2"),
        (lambda text: text + '"open', "line"),
        (lambda text: "", "line 1"),
    ],
)
def test_other_files_are_refused(change, why: str) -> None:
    data = written([Event(NOW_NS, "zone")]).decode()
    with pytest.raises(DecodeError, match=f"CSV, {why}"):
        ours.decode_events(change(data).encode())
