"""The compiled loops do what their twins in Python do, give back every reference and refuse what they cannot do."""

import copy
import math
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bench.remote_write_messages import series
from firstlight.codecs import jsonl
from firstlight.codecs.jsonl import PROCESS_START, TICK_ID
from firstlight.codecs.remote_write import RemoteWriteDecoder
from firstlight.codecs.remote_write_points import Written
from firstlight.codecs.remote_write_wire import field
from firstlight.errors import FirstlightError
from firstlight.model import EventColumns, Resource
from firstlight.native import loops
from firstlight.native.loops import Compiled
from firstlight.sdk.flow.columns import columns_of
from firstlight.sdk.flow.plain import MAX_FIELDS, MAX_TEXT_CHARS, TELLING_INT
from firstlight.sdk.flow.site import Site
from firstlight.sdk.tracing.spans import Span

pytestmark = pytest.mark.usefixtures("compiled_loops")


def both(do: Callable[[], Any]) -> tuple[Any, Any]:
    """Return what ``do`` comes to with the compiled loops and without: its result, or the kind of its error."""
    with pytest.MonkeyPatch.context() as patch:
        compiled = outcome(do)
        patch.setattr(loops, "compiled", None)
        return compiled, outcome(do)


def outcome(do: Callable[[], Any]) -> Any:
    try:
        return do()
    except (FirstlightError, ValueError, TypeError) as error:
        # What is raised may differ in kind where the caller treats all kinds alike.
        return "refused", isinstance(error, FirstlightError)


class Word(str):
    __slots__ = ()


PLAIN = Site("pulse.scup", 9)
OTHER = Site("memory", 17)
WHOLE = Site.of_subsystem("pulse", "", 5)
DECLARED = Site("pulse.scup", 9, "zone", ("from", "body"))
SPAN = Span(PLAIN, "work")

texts = st.text(max_size=12) | st.text('a\x00\x1f"\\\n\x7fö€😀', max_size=20)
scalars = (
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers(-(2**63), 2**63 - 1)
    | st.sampled_from([TELLING_INT, -TELLING_INT, TELLING_INT - 1, 1 - TELLING_INT])
    | texts
)
odd = st.sampled_from([2**63, -(2**63) - 1, 2**64, "\ud800", "x" * (MAX_TEXT_CHARS + 1), [1], {}, 1j, Word("w"), b""])
keys = st.sampled_from(["a", "zone", "body", "größe"]) | st.text(max_size=4)
usual_fields = st.dictionaries(keys, scalars, max_size=4)
odd_fields = st.dictionaries(keys | st.sampled_from([7, Word("k"), None]), scalars | odd, max_size=4)


def record_of(fields: Any, site: Site = PLAIN, name: Any = "step", span: Span | None = None) -> tuple[Any, ...]:
    return 5, site, span, 7, name, fields


def records_of(fields: st.SearchStrategy[Any], names: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    sites, spans = st.sampled_from([PLAIN, OTHER, WHOLE]), st.sampled_from([None, None, SPAN])
    plain = st.builds(record_of, fields, sites, names, spans)
    declared = st.builds(lambda first, second: (6, DECLARED, None, 8, first, second), scalars, scalars)
    return st.lists(plain | plain | declared, max_size=6)


def fresh(records: list[Any]) -> list[Any]:
    """Return the same records with dicts of their own, from which a body may be taken."""
    return [
        tuple(copy.copy(item) if isinstance(item, dict) else item for item in record)
        if type(record) is tuple
        else record
        for record in records
    ]


def same(compiled: Any, python: Any) -> bool:
    # Sequences may be lists or tuples, and NaN is itself only.
    return repr(as_lists(compiled)) == repr(as_lists(python))


def as_lists(found: Any) -> Any:
    if found[0] == "refused":
        return found
    columns, told = found
    return [list(column) for column in columns], sorted(told.keys), sorted(told.names), list(told.values)


@given(records_of(usual_fields, st.sampled_from(["step", "zone"]) | texts))
def test_usual_events_come_apart_alike(records: list[Any]) -> None:
    assert same(*both(lambda: columns_of(fresh(records))))


@given(records_of(odd_fields, st.sampled_from(["step", "\ud800", 3, None, Word("w"), []])))
def test_odd_events_are_refused_alike(records: list[Any]) -> None:
    assert same(*both(lambda: columns_of(fresh(records))))


@pytest.mark.parametrize(
    "records",
    [
        [],
        [None],
        [(1, PLAIN)],
        [(*record_of({}), 1)],
        [record_of([("a", 1)])],
        [record_of(OrderedDict(a=1))],
        [(6, DECLARED, None, 8, "one")],
        [record_of({str(number): 1 for number in range(MAX_FIELDS + 1)})],
        [record_of({}), "record"],
    ],
    ids=lambda records: repr(records)[:30],
)
def test_what_is_no_event_is_refused_alike(records: list[Any]) -> None:
    assert both(lambda: columns_of(records)) == (("refused", False), ("refused", False))


times_ns = st.integers(-(2**63), 2**63 - 1) | st.integers(0, 2**60) | st.sampled_from([10**19, -(10**19), 2**80])
near = st.integers(-2_000_000_000, 2_000_000_000)
values = st.recursive(
    scalars | odd | st.integers() | st.floats(-1000, 1000).map(lambda value: round(value, 3)),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=3,
)
attributes = st.dictionaries(keys | st.just(TICK_ID) | texts | st.sampled_from([7]), values, max_size=4)
cells = st.tuples(
    times_ns | near | near,
    st.sampled_from([PLAIN.place, OTHER.place, WHOLE.place, (0, "ö\n", '"')]),
    st.sampled_from(["step", "zone"]) | texts,
    attributes,
    st.sampled_from([1, 2]) | st.integers(-1, 2**64),
    st.just("") | texts,
    st.sampled_from(["", "a" * 32]),
    st.sampled_from(["", "b" * 16]),
)
starts = st.none() | st.integers() | near | st.just("soon")


def columns_from(rows: list[Any]) -> EventColumns:
    return EventColumns(*zip(*rows, strict=True))


@given(st.lists(cells, min_size=1, max_size=4), texts, starts)
def test_lines_are_the_same_to_the_byte(rows: list[Any], session: str, start: Any) -> None:
    sender = Resource("dö\\wn", session, "", 7, {} if start is None else {PROCESS_START: start})
    compiled, python = both(lambda: jsonl.encode_columns(columns_from(rows), sender))
    assert compiled == python


def line_with(value: Any) -> Callable[[], bytes]:
    columns = columns_from([(5, PLAIN.place, "step", {"a": value}, 7, "", "", "")])
    return lambda: jsonl.encode_columns(columns, Resource("t"))


@given(st.integers(-(10**15), 10**15), st.integers(0, 12))
@example(1, 5)
@example(1, 6)
@example(999_999_999_999_999, 6)
@example(10**15, 6)
def test_decimals_are_written_alike(digits: int, places: int) -> None:
    for value in (digits / 10**places, math.nextafter(digits / 10**places, math.inf)):
        compiled, python = both(line_with(value))
        assert compiled == python


@given(st.floats())
@example(-0.0)
@example(5e-324)
@example(math.nan)
def test_all_other_floats_are_written_alike(value: float) -> None:
    compiled, python = both(line_with(value))
    assert compiled == python


@pytest.mark.parametrize("length", range(20))
def test_a_character_is_escaped_wherever_it_stands(length: int) -> None:
    for character in map(chr, range(0x100)):
        for text in ("a" * length + character + "b" * 9, "ü" * length + character):
            compiled, python = both(line_with(text))
            assert compiled == python


def test_many_lines_are_the_same_too() -> None:
    rows = [
        (number * 300_000, PLAIN.place, "step", {"n": number, "t": "x" * (number % 700)}, 7, "", "", "")
        for number in range(3000)
    ]
    compiled, python = both(lambda: jsonl.encode_columns(columns_from(rows), Resource("t")))
    assert compiled == python
    assert hash(compiled) == hash(python)


def test_columns_that_differ_in_length_are_refused() -> None:
    columns = columns_from([(5, PLAIN.place, "step", {}, 7, "", "", "")])
    short = columns._replace(names=())
    assert both(lambda: jsonl.encode_columns(short, Resource("t"))) == (("refused", True), ("refused", True))


def references(*things: Any) -> list[int]:
    return [sys.getrefcount(thing) for thing in things]


def test_every_reference_is_given_back() -> None:
    site, name, key, value, strange = Site("a.b", 9), "n" * 9, "k" * 9, "v" * 9, object()
    declared = Site("a.b", 9, "declared", (key,))
    good = [record_of({key: value}, site, name), (6, declared, None, 8, value)]
    bad = [(), ((7, site),), (record_of({key: strange}, site, name),), ((1, declared, None, 8),)]
    row = (10**17, site.place, name, {key: value, TICK_ID: value}, 2**60, value, value, value)
    rows = [
        (*row[:3], row[3] | more, *row[4:])
        for more in ({}, {"float": 0.1 + 0.2}, {7: value}, {"odd": strange}, {"bad": "\ud800"})
    ]

    def work() -> None:
        for last in bad:
            outcome(partial(columns_of, [*good, *last]))
        for cells in rows:
            outcome(partial(jsonl.encode_columns, columns_from([cells, cells]), Resource("t")))

    things = (site, declared, name, key, value, strange, site.place, good, *rows)
    work()
    before = references(*things)
    for _ in range(50):
        work()
    assert references(*things) == before


def test_wrong_arguments_are_refused(compiled_loops: Compiled) -> None:
    one = columns_from([(5, PLAIN.place, "step", {}, 7, "", "", "")])
    heads = {(PLAIN.place, "step"): b"head"}
    text_heads = {(PLAIN.place, "step"): "head"}
    wrong: list[tuple[Any, Any, Any]] = [((), heads, str), (one, {}, str), (one, text_heads, str), (one, heads, len)]
    wrong.append((one, heads, lambda _: "x" * 99))
    with pytest.raises(TypeError):
        compiled_loops.columns(3, 8, TELLING_INT, MAX_TEXT_CHARS)  # type: ignore[arg-type]
    for columns, by_name, second in wrong:
        with pytest.raises((KeyError, ValueError, TypeError)):
            compiled_loops.event_lines(columns, by_name, (b"", b"", None, b""), second, TICK_ID, bytes)


def test_dicts_may_change_while_they_are_read() -> None:
    shared = [{"a": 1, "b": "text"} for _ in range(200)]
    rows = [(5, PLAIN.place, "step", fields, 7, "", "", "") for fields in shared]
    ended = threading.Event()

    def change() -> None:
        number = 0
        while not ended.is_set():
            for fields in shared:
                number += 1
                fields[f"k{number % 7}"] = "x" * (number % 50)
                fields.pop(f"k{(number + 3) % 7}", None)

    host = threading.Thread(target=change)
    host.start()
    try:
        for _ in range(30):
            columns, _ = columns_of([record_of(fields) for fields in shared])
            assert len(columns.attributes) == len(shared)
            assert jsonl.encode_columns(columns_from(rows), Resource("t")).count(b"\n") == len(rows)
    finally:
        ended.set()
        host.join()


label_sets = st.lists(st.sampled_from(["a", "b", "c"]), unique=True).map(sorted)
points = st.tuples(
    st.integers(0, 2**42) | st.integers(-2, 2) | st.sampled_from([2**62, 9_223_372_036_854, 9_223_372_036_855]),
    st.floats() | st.just(0.0),
)
sent = st.lists(st.tuples(label_sets, st.lists(points, max_size=4), st.binary(max_size=3)), max_size=4)


def received(bodies: list[bytes]) -> list[Any]:
    """What one decoder makes of requests that come one after the other."""
    decoder = RemoteWriteDecoder()
    return [outcome(lambda body=body: _shown(decoder.read(body))) for body in bodies]


def _shown(written: Written) -> tuple[Any, ...]:
    samples = written.batch.samples
    bits = samples.values.tobytes()
    values = [bits[at : at + 8] for at in range(0, len(bits), 8)]
    rows = sorted(zip(samples.series_ids, samples.times_ns, values, strict=True))
    return rows, written.batch.series, written.rejected, sorted(written.reasons), written.batch.exponential


def requests_of(given: list[Any]) -> bytes:
    parts = []
    for names, samples, unknown in given:
        content = series([("__name__", "m"), *((name, name * 70) for name in names)], *samples).SerializeToString()
        parts.append(field(0x0A, content + (field(0x7A, unknown) if unknown else b"")))
    return b"".join(parts)


@given(st.lists(sent, min_size=1, max_size=3))
def test_remote_write_is_read_alike(given_requests: list[Any]) -> None:
    bodies = [requests_of(one) for one in given_requests]
    compiled, plain = both(lambda: received([*bodies, *bodies]))
    assert compiled == plain


@given(st.binary(max_size=60), st.integers(0, 400), st.integers(0, 255))
def test_damaged_remote_write_is_refused_alike_or_read_alike(tail: bytes, place: int, byte: int) -> None:
    whole = requests_of([(["a"], [(1_760_000_000_000, 1.5)], b""), (["b"], [(5, 0.0), (6, 2.0)], b"")])
    damaged = bytearray(whole + tail)
    damaged[place % len(damaged)] = byte
    compiled, plain = both(lambda: received([whole, bytes(damaged)]))
    assert compiled == plain


def test_reading_remote_write_gives_back_what_it_takes() -> None:
    compiled = loops.compiled
    assert compiled is not None
    body = requests_of([(["a"], [(1_760_000_000_000, 1.5)], b""), ([], [(1, 1.0)], b"x")])
    decoder = RemoteWriteDecoder()
    decoder.read(body)
    ids = decoder.memo.ids
    before = [sys.getrefcount(one) for one in (body, ids, *ids.values())]
    for _ in range(50):
        compiled.written(body, ids)
        with pytest.raises(ValueError, match="broken"):
            compiled.written(body[:-1], ids)
    assert [sys.getrefcount(one) for one in (body, ids, *ids.values())] == before
