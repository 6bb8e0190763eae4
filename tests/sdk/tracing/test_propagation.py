import pytest
from hypothesis import given
from hypothesis import strategies as st

import firstlight
from firstlight.export.memory import MemoryExporter
from firstlight.model import Resource
from firstlight.sdk.client import Delivery, Telemetry
from firstlight.sdk.tracing.baggage import baggage, carry, set_baggage
from firstlight.sdk.tracing.context import CURRENT
from firstlight.sdk.tracing.propagation import clean_state, extract, extract_baggage, inject, remote_span
from firstlight.sdk.volume import Volume

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{SPAN}-01"


@pytest.fixture(autouse=True)
def _own_baggage():
    firstlight.configure(exporter=MemoryExporter())
    before = carry({})
    yield
    carry(before)


@pytest.mark.parametrize(
    ("header", "sampled"),
    [
        (GOOD, True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-02", False),  # level 2's random flag
        (f"00-{TRACE}-{SPAN}-ff", True),
        (f"  {GOOD}\t", True),
        (f"cc-{TRACE}-{SPAN}-01", True),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like", True),
        (f"cc-{TRACE}-{SPAN}-01-", True),
    ],
)
def test_a_valid_traceparent_names_the_callers_span(header: str, sampled: bool) -> None:
    found = remote_span(header)
    assert found is not None
    assert (found.ids(), found.sampled) == ((TRACE, SPAN), sampled)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "00",
        GOOD.upper(),
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"cc-{TRACE}-{SPAN}-01.more",
        f"00-{TRACE}-{SPAN}-0",
        f"00-{TRACE}-{SPAN}-0g",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN[:-1]}x-01",
        f"0-{TRACE}-{SPAN}-01",
        f"{GOOD}\n",
        f"{GOOD},{GOOD}",
        f"00-{TRACE[:-1]}\u0660-{SPAN}-01",
    ],
)
def test_an_invalid_traceparent_names_nobody(header: str) -> None:
    assert remote_span(header) is None


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        ("foo=1,bar=2", "foo=1,bar=2"),
        (" foo=1 ,\t, bar=2 ", "foo=1,bar=2"),
        ("a@b@c=1,1a=2,a-_*/=3", "a@b@c=1,1a=2,a-_*/=3"),
        ("foo=1=2", ""),
        ("foo =1", ""),
        ("FOO=1", ""),
        ("foo", ""),
        ("foo=", ""),
        ("=1", ""),
        ("foo=1,foo=2", ""),
        ("foo=\u00e4", ""),
        (f"{'a' * 256}={'b' * 256}", f"{'a' * 256}={'b' * 256}"),
        (f"{'a' * 257}=1", ""),
        (f"a={'b' * 257}", ""),
        (",".join(f"k{n}=1" for n in range(32)), ",".join(f"k{n}=1" for n in range(32))),
        (",".join(f"k{n}=1" for n in range(33)), ""),
    ],
)
def test_tracestate_is_handed_on_whole_or_not_at_all(header: str, kept: str) -> None:
    assert clean_state(header) == kept


def test_an_invalid_tracestate_does_not_spoil_the_trace() -> None:
    found = extract({"Traceparent": GOOD, "TraceState": "no state"})
    assert found is not None
    assert found.state == ""


def test_headers_come_as_a_mapping_or_as_pairs_of_bytes_in_any_case() -> None:
    pairs = [(b"TraceParent", GOOD.encode()), (b"tracestate", b"a=1"), (b"tracestate", b"b=2"), (b"x", b"\xff")]
    found = extract(pairs)
    assert found is not None
    assert found.state == "a=1,b=2"
    assert extract([*pairs, (b"traceparent", GOOD.encode())]) is None, "two are one too many"


@given(st.dictionaries(st.sampled_from(["traceparent", "tracestate", "baggage"]), st.text() | st.binary()))
def test_whatever_comes_from_the_network_nothing_is_raised(headers) -> None:
    extract(headers)
    extract_baggage(headers)


def test_a_request_carries_the_current_span_and_what_came_with_its_trace() -> None:
    scope = firstlight.scope("test.propagation")
    remote = remote_span(f"00-{TRACE}-{SPAN}-00", "vendor=opaque")
    headers = {"traceparent": "old", "other": "stays"}
    with scope.make_span("serve", kind="server", parent=remote), scope.span("inner") as inner:
        inject(headers)
    assert headers == {
        "traceparent": f"00-{TRACE}-{inner.span_id}-00",
        "tracestate": "vendor=opaque",
        "other": "stays",
    }


def test_a_trace_of_our_own_is_sampled() -> None:
    headers: dict[str, str] = {}
    with firstlight.span("alone") as span:
        inject(headers)
    assert headers == {"traceparent": f"00-{span.trace_id}-{span.span_id}-01"}


def test_without_span_and_baggage_a_request_carries_nothing() -> None:
    assert CURRENT.get() is None
    headers: dict[str, str] = {}
    inject(headers)
    assert headers == {}


def test_baggage_travels_along() -> None:
    set_baggage("user", "J\u00fcrgen & Co")
    headers: dict[str, str] = {}
    inject(headers)
    assert headers == {"baggage": "user=J%C3%BCrgen%20&%20Co"}
    assert extract_baggage(headers) == baggage()


def test_a_trace_that_is_not_kept_here_is_said_so() -> None:
    telemetry = Telemetry(Delivery(lambda _: MemoryExporter(), Resource))
    telemetry.set_volume(Volume(trace_ratio=0.0))
    headers: dict[str, str] = {}
    with telemetry.span("call"):
        inject(headers)
    telemetry.shutdown()
    assert headers["traceparent"].endswith("-00")
