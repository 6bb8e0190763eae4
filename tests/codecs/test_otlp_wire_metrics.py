"""The fast reading of metrics gives what protobuf's parser and the mapping give, whatever comes."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Exemplar, Metric

from firstlight.codecs.otlp.messages import parse_protobuf
from firstlight.codecs.otlp.metrics import read_metrics
from firstlight.codecs.otlp.series_cache import SeriesCache
from firstlight.codecs.otlp.wire_metrics import WireMetrics
from firstlight.errors import DecodeError

NOW_NS = 1_700_000_000_000_000_000

texts = st.sampled_from(["", "a", "b", "é", "x" * 140, "y" * 5000])
any_values = st.one_of(
    texts.map(lambda text: AnyValue(string_value=text)),
    st.integers(-(2**63), 2**63 - 1).map(lambda number: AnyValue(int_value=number)),
    st.booleans().map(lambda flag: AnyValue(bool_value=flag)),
    st.just(AnyValue(double_value=float("nan"))),
    st.just(AnyValue(array_value=ArrayValue(values=[AnyValue(bytes_value=b"\x00\xff"), AnyValue()]))),
    st.just(AnyValue()),
)
attributes = st.lists(st.builds(KeyValue, key=texts, value=any_values), max_size=3)
times = st.sampled_from([0, 1, NOW_NS, NOW_NS + 1, 2**63 - 1, 2**63])
exemplars = st.lists(st.builds(Exemplar, as_double=st.floats(), time_unix_nano=times), max_size=1)
common = {"attributes": attributes, "start_time_unix_nano": times, "time_unix_nano": times}
rare = {"flags": st.sampled_from([0, 0, 0, 1]), "exemplars": exemplars}


def number_points():
    value = st.one_of(
        st.fixed_dictionaries({"as_double": st.floats()}),
        st.fixed_dictionaries({"as_int": st.integers(-(2**63), 2**63 - 1)}),
        st.just({}),
    )
    plain = st.builds(lambda fields, number: fields | number, st.fixed_dictionaries(common), value)
    odd = st.builds(lambda fields, extra: fields | extra, plain, st.fixed_dictionaries(rare))
    return st.lists(plain | odd, max_size=4)


def histogram_points():
    sizes = st.integers(0, 20)

    def sized(size, extra):
        rng = random.Random(size)
        bounds = [float(number) for number in range(max(size - 1, 0))]
        return {"bucket_counts": [rng.randrange(9) for _ in range(size)], "explicit_bounds": bounds} | extra

    optional = st.fixed_dictionaries(
        {},
        optional={
            "sum": st.floats(allow_nan=False),
            "min": st.floats(allow_nan=False),
            "max": st.floats(allow_nan=False),
            "explicit_bounds": st.sampled_from([[1.0], [2.0, 1.0], [float("inf")], []]),
        },
    )
    buckets = st.builds(sized, sizes, optional)
    counts = st.fixed_dictionaries({"count": st.sampled_from([0, 7, 2**63])})
    fields = st.builds(lambda a, b, c: a | b | c, st.fixed_dictionaries(common), buckets, counts)
    odd = st.builds(lambda a, b: a | b, fields, st.fixed_dictionaries(rare))
    return st.lists(fields | odd, max_size=3)


temporality = st.sampled_from([2, 2, 2, 1, 0])
headers = {"name": st.sampled_from(["", "m", "n"]), "unit": texts, "description": texts}
data = st.one_of(
    st.fixed_dictionaries({"gauge": st.fixed_dictionaries({"data_points": number_points()})}),
    st.fixed_dictionaries(
        {
            "sum": st.fixed_dictionaries(
                {
                    "data_points": number_points(),
                    "aggregation_temporality": temporality,
                    "is_monotonic": st.booleans(),
                }
            )
        }
    ),
    st.fixed_dictionaries(
        {
            "histogram": st.fixed_dictionaries(
                {"data_points": histogram_points(), "aggregation_temporality": temporality}
            )
        }
    ),
    st.just({}),
)
metrics = st.builds(lambda head, body: Metric(**head, **body), st.fixed_dictionaries(headers), data)


def request_of(some_metrics):
    request = ExportMetricsServiceRequest()
    entry = request.resource_metrics.add()
    entry.resource.attributes.add(key="service.name").value.string_value = "s"
    scope = entry.scope_metrics.add()
    scope.scope.name = "a.b"
    scope.metrics.extend(some_metrics)
    return request


def content(decoded):
    rows = []
    for batch in decoded.batches:
        samples = batch.samples
        bits = memoryview(samples.values).cast("B").cast("Q")
        columns = zip(samples.series_ids, samples.times_ns, bits, strict=True)
        rows += [(batch.resource, batch.series[series_id], time_ns, bit) for series_id, time_ns, bit in columns]
        assert set(batch.series) == set(samples.series_ids)
    return sorted(map(repr, rows)), decoded.received, decoded.rejected, sorted(decoded.reasons)


@given(st.lists(metrics, max_size=3))
@settings(max_examples=150, deadline=None)
def test_the_same_as_the_general_way_cold_and_warm(some_metrics):
    body = request_of(some_metrics).SerializeToString()
    expected = content(read_metrics(parse_protobuf("metrics", body), NOW_NS, SeriesCache(), None))
    wire = WireMetrics(SeriesCache())
    assert content(wire.read(body, NOW_NS, None)) == expected
    assert content(wire.read(body, NOW_NS, None)) == expected


def counter(value=1.5):
    metric = Metric(name="m")
    metric.sum.aggregation_temporality = 2
    metric.sum.is_monotonic = True
    point = metric.sum.data_points.add(start_time_unix_nano=NOW_NS, time_unix_nano=NOW_NS, as_double=value)
    point.attributes.add(key="k").value.string_value = "v"
    return metric


def test_fields_in_another_order_are_read_too():
    points = counter().sum.data_points[0].SerializeToString()
    number, labels = points[:27], points[27:]
    data = b"\x18\x01\x10\x02\x0a" + bytes([len(points)]) + labels + number
    body = b"\x3a" + bytes([len(data)]) + data + b"\x0a\x01m"
    assert Metric.FromString(body) == counter()
    request = request_of([])
    resource = request.resource_metrics[0].resource.SerializeToString()
    request.resource_metrics[0].scope_metrics[0].metrics.append(Metric.FromString(body))
    whole = request.SerializeToString()
    assert content(WireMetrics(SeriesCache()).read(whole, NOW_NS, None))[1] == 1
    scope = b"\x0a\x05\x0a\x03a.b" + b"\x12" + bytes([len(body)]) + body
    entry = b"\x12" + bytes([len(scope)]) + scope + b"\x0a" + bytes([len(resource)]) + resource
    by_hand = b"\x0a" + bytes([len(entry)]) + entry
    assert ExportMetricsServiceRequest.FromString(by_hand) == request
    assert content(WireMetrics(SeriesCache()).read(by_hand, NOW_NS, None)) == content(
        WireMetrics(SeriesCache()).read(whole, NOW_NS, None)
    )


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_what_protobuf_still_reads_of_a_damaged_request_is_read_the_same(data):
    whole = bytearray(request_of([counter(), counter()]).SerializeToString())
    wire = WireMetrics(SeriesCache())
    wire.read(bytes(whole), NOW_NS, None)
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    body = bytes(whole[: data.draw(st.integers(1, len(whole)))])
    try:
        expected = content(read_metrics(parse_protobuf("metrics", body), NOW_NS, SeriesCache(), None))
    except DecodeError:
        expected = None
    try:
        found = content(wire.read(body, NOW_NS, None))
    except DecodeError:
        found = None
    if expected is not None:  # protobuf also looks into fields that nobody reads; there, less is refused here
        assert found == expected


def test_the_memory_is_bounded():
    cache = SeriesCache(max_series=10)
    wire = WireMetrics(cache)
    for number in range(100):
        metric = counter()
        metric.sum.data_points[0].attributes[0].value.string_value = str(number)
        decoded = wire.read(request_of([metric]).SerializeToString(), NOW_NS, None)
        ((_, series),) = decoded.batches[0].series.items()
        assert series.labels == (("k", str(number)),)
    memos = [memo for sender in wire._senders.values() for memo in sender.memos.values()]
    assert sum(len(memo.numbers) for memo in memos) <= 20


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_cut_request_is_refused(cut):
    body = request_of([counter()]).SerializeToString()
    with pytest.raises(DecodeError):
        WireMetrics(SeriesCache()).read(body[:-cut], NOW_NS, None)
