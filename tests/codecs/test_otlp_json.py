"""The leniencies and limits of OTLP JSON, and the mapping of what other senders write."""

import json

import pytest

from firstlight.codecs.otlp.decode import OtlpDecoder
from firstlight.codecs.otlp.values import ATTRIBUTES_MAX, LABEL_MAX_CHARS, TEXT_MAX_CHARS
from firstlight.errors import DecodeError

NOW_NS = 1_700_000_000_000_000_000


@pytest.fixture
def decoder():
    return OtlpDecoder()


def read(decoder, signal, request):
    return decoder.read(signal, json.dumps(request).encode(), NOW_NS, as_json=True)


def event_of(decoder, record, scope="a.b.c", resource=None):
    entry = {"resource": resource, "scopeLogs": [{"scope": {"name": scope}, "logRecords": [record]}]}
    (batch,) = read(decoder, "logs", {"resourceLogs": [entry]}).batches
    return batch.events[0]


def metric(decoder, **metric):
    return read(decoder, "metrics", {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "m"} | metric]}]}]})


def gauge(decoder, **point):
    return metric(decoder, gauge={"dataPoints": [{"timeUnixNano": NOW_NS} | point]})


def text(key, value):
    return {"key": key, "value": {"stringValue": value}}


@pytest.mark.parametrize("spelled", ["5B8EFFF798038103D269B633813FC60C", "5b8efff798038103d269b633813fc60c"])
def test_ids_are_hex_in_any_case(decoder, spelled):
    record = {"traceId": spelled, "spanId": spelled[:16]}
    event = event_of(decoder, record)
    assert (event.trace_id, event.span_id) == (spelled.lower(), spelled[:16].lower())


@pytest.mark.parametrize("wrong", ["", "00" * 16, "xy" * 16, "ab" * 8, "W47/94gDgQPSabYzgT/GDA=="])
def test_a_log_record_loses_a_wrong_id_but_is_kept(decoder, wrong):
    assert event_of(decoder, {"traceId": wrong}).trace_id == ""


@pytest.mark.parametrize("number", [9007199254740993, "9007199254740993", -(2**63), str(2**63 - 1)])
def test_64_bit_integers_as_number_or_text(decoder, number):
    event = event_of(decoder, {"timeUnixNano": "7", "attributes": [{"key": "k", "value": {"intValue": number}}]})
    assert event.attributes == {"k": int(number)}
    assert event.time_ns == 7


@pytest.mark.parametrize("kind", [2, "2", "SPAN_KIND_SERVER"])
@pytest.mark.parametrize("code", [2, "2", "STATUS_CODE_ERROR"])
def test_enumerations_as_number_or_name(decoder, kind, code):
    span = {"traceId": "ab" * 16, "spanId": "cd" * 8, "kind": kind, "status": {"code": code}}
    (batch,) = read(decoder, "traces", {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).batches
    assert (batch.spans[0].kind, batch.spans[0].status) == ("server", "error")


def test_null_is_the_same_as_absent_and_the_unknown_is_ignored(decoder):
    record = {
        "timeUnixNano": None,
        "severityNumber": None,
        "body": None,
        "attributes": None,
        "traceId": None,
        "new": [{"x": 1}],
    }
    event = event_of(decoder, record, resource={"attributes": None, "new": 1})
    assert (event.time_ns, event.level, event.body, event.attributes) == (NOW_NS, 9, "", {})
    assert read(decoder, "logs", {"resourceLogs": None}).batches == []


def test_every_kind_of_value(decoder):
    values = {
        "text": {"stringValue": "null"},
        "flag": {"boolValue": False},
        "real": {"doubleValue": "-Infinity"},
        "bytes": {"bytesValue": "AP8="},
        "none": {},
        "list": {"arrayValue": {"values": [{"intValue": 1}, {}, {"arrayValue": {}}]}},
        "map": {"kvlistValue": {"values": [text("k", "v")]}},
    }
    record = {"attributes": [{"key": key, "value": value} for key, value in values.items()]}
    assert event_of(decoder, record).attributes == {
        "text": "null",
        "flag": False,
        "real": float("-inf"),
        "bytes": "AP8=",
        "none": None,
        "list": [1, None, []],
        "map": {"k": "v"},
    }


@pytest.mark.parametrize(
    ("number", "word", "level"),
    [(10, "DEBUG", 10), (0, "Warning", 13), (0, "err", 17), (0, "Information", 9), (0, "?", 9), (99, "", 24)],
)
def test_severity_by_number_else_by_text(decoder, number, word, level):
    assert event_of(decoder, {"severityNumber": number, "severityText": word}).level == level


def test_time_falls_back_to_observation_then_to_receipt(decoder):
    assert event_of(decoder, {"observedTimeUnixNano": "5"}).time_ns == 5
    assert event_of(decoder, {}).time_ns == NOW_NS


def test_a_name_by_field_or_by_attribute(decoder):
    assert event_of(decoder, {"eventName": "login"}).name == "login"
    event = event_of(decoder, {"attributes": [text("event.name", "login"), text("k", "v")]})
    assert (event.name, event.attributes) == ("login", {"k": "v"})


@pytest.mark.parametrize(
    ("scope", "halves"), [("a.b.c", ("a", "b.c")), ("a", ("a", "")), ("", ("", "")), (None, ("", ""))]
)
def test_a_scope_is_cut_at_its_first_dot(decoder, scope, halves):
    event = event_of(decoder, {}, scope)
    assert (event.subsystem, event.component) == halves


def test_structured_bodies_become_json(decoder):
    body = {"kvlistValue": {"values": [{"key": "a", "value": {"intValue": "1"}}]}}
    assert event_of(decoder, {"body": body}).body == '{"a":1}'
    assert event_of(decoder, {"body": {"boolValue": True}}).body == "true"


def test_a_span_never_ends_before_it_begins(decoder):
    ids = {"traceId": "ab" * 16, "spanId": "cd" * 8}
    spans = [ids | {"startTimeUnixNano": 9, "endTimeUnixNano": 4}, ids | {"endTimeUnixNano": 4}, ids]
    (batch,) = read(decoder, "traces", {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).batches
    assert [(span.start_ns, span.end_ns) for span in batch.spans] == [(9, 9), (4, 4), (NOW_NS, NOW_NS)]


def test_records_are_cut_to_their_limits(decoder):
    many = [text(f"k{number}", "v") for number in range(ATTRIBUTES_MAX + 5)]
    assert len(event_of(decoder, {"attributes": many}).attributes) == ATTRIBUTES_MAX
    long = event_of(decoder, {"attributes": [text("k", "x" * (TEXT_MAX_CHARS + 1))]}).attributes["k"]
    assert len(long) == TEXT_MAX_CHARS
    assert long.endswith("x…")


@pytest.mark.parametrize(
    "pairs",
    [[text(f"k{number}", "v") for number in range(200)], [text("k", "x" * (LABEL_MAX_CHARS + 1))]],
)
def test_series_are_never_cut_but_refused(decoder, pairs):
    decoded = gauge(decoder, asDouble=1, attributes=pairs)
    assert (decoded.batches, decoded.received, decoded.rejected) == ([], 1, 1)


def test_labels_are_texts(decoder):
    values = [
        {"boolValue": True},
        {"intValue": "7"},
        {"doubleValue": 0.5},
        {"arrayValue": {"values": [{"intValue": 1}]}},
    ]
    pairs = [{"key": f"k{number}", "value": value} for number, value in enumerate(values)]
    decoded = gauge(decoder, asInt="5", attributes=[*reversed(pairs), text("empty", ""), {"key": "null"}])
    (series,) = decoded.batches[0].series.values()
    assert series.labels == (("k0", "true"), ("k1", "7"), ("k2", "0.5"), ("k3", "[1]"))
    assert list(decoded.batches[0].samples.values) == [5.0]


@pytest.mark.parametrize(
    "point",
    [{}, {"asInt": str(2**63)}, {"asDouble": 1, "timeUnixNano": str(2**63)}, {"asDouble": 1, "timeUnixNano": -1}],
)
def test_points_that_mean_nothing_are_refused(decoder, point):
    assert gauge(decoder, **point).rejected == 1


@pytest.mark.parametrize(
    ("bounds", "counts"), [([1, 2], [1, 2]), ([2, 1], [1, 2, 3]), (["NaN"], [1, 2]), ([1], []), ([], [1, 2])]
)
def test_histograms_that_do_not_add_up_are_refused(decoder, bounds, counts):
    point = {"timeUnixNano": NOW_NS, "count": 3, "sum": 1, "bucketCounts": counts, "explicitBounds": bounds}
    good = point | {"bucketCounts": ["1", "2"], "explicitBounds": [0.5]}
    decoded = metric(decoder, histogram={"aggregationTemporality": 2, "dataPoints": [point, good]})
    assert (decoded.received, decoded.rejected) == (2, 1)
    assert len(decoded.batches[0].samples) == 4


@pytest.mark.parametrize("scale", [-11, 21])
def test_scales_beyond_the_data_model_are_refused(decoder, scale):
    point = {"timeUnixNano": NOW_NS, "count": 1, "scale": scale}
    assert metric(decoder, exponentialHistogram={"aggregationTemporality": 2, "dataPoints": [point]}).rejected == 1


def test_deltas_need_somebody_to_add_them_up(decoder):
    decoded = metric(decoder, sum={"aggregationTemporality": 1, "dataPoints": [{"asDouble": 1}]})
    assert decoded.rejected == 1
    assert "cumulative" in decoded.reasons[0]


def test_a_metric_without_data_is_nothing_and_one_without_a_name_is_refused(decoder):
    assert metric(decoder).received == 0
    assert metric(decoder, name="", gauge={"dataPoints": [{"asDouble": 1}]}).rejected == 1


@pytest.mark.parametrize("attributes", [7, [7], [{"key": 7}], [{"value": {"intValue": "x"}}]])
@pytest.mark.parametrize("signal", ["logs", "metrics"])
def test_attributes_of_the_wrong_shape_are_a_bad_body(decoder, signal, attributes):
    item = {"attributes": attributes, "asDouble": 1}
    send = {"logs": lambda: event_of(decoder, item), "metrics": lambda: gauge(decoder, **item)}[signal]
    with pytest.raises(DecodeError):
        send()


def test_rows_share_nothing_that_can_be_changed(decoder):
    record = {"attributes": [{"key": "k", "value": {"arrayValue": {"values": [{"intValue": 1}]}}}]}
    event_of(decoder, record).attributes["k"].append("mine")
    assert event_of(decoder, record).attributes == {"k": [1]}
