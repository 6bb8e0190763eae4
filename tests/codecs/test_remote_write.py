import json
import struct

import cramjam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from bench.remote_write_messages import labels_of, message, request, series
from firstlight.codecs.exponential import classic_buckets
from firstlight.codecs.jsonl_rows import decode_metrics, encode_metrics
from firstlight.codecs.otlp.values import STALE
from firstlight.codecs.otlp.write_json import encode_json
from firstlight.codecs.otlp.write_wire import encode_wire
from firstlight.codecs.remote_write import RemoteWriteDecoder
from firstlight.errors import DecodeError, PayloadTooLarge
from firstlight.model import CUSTOM_SCALE, Exemplar, Kind, Series

_NOW_MS = 1_760_000_000_123
_LIMIT = 1 << 20
_UP = {"__name__": "up", "instance": "a:1", "job": "node"}
_UP_SERIES = Series("up", (("instance", "a:1"), ("job", "node")), kind=Kind.UNKNOWN)


def read(*made, decoder=None, metadata=()):
    body = request(*made, metadata=metadata).SerializeToString()
    return (decoder or RemoteWriteDecoder()).decode(bytes(cramjam.snappy.compress_raw(body)), _LIMIT)


def rows(written):
    samples, known = written.batch.samples, written.batch.series
    found = zip(samples.series_ids, samples.times_ns, samples.values, strict=True)
    return sorted(((known[one], time_ns, struct.pack("<d", value)) for one, time_ns, value in found), key=repr)


def expected(*found):
    return sorted(((one, time_ms * 1_000_000, struct.pack("<d", value)) for one, time_ms, value in found), key=repr)


def test_a_series_keeps_its_name_and_labels():
    written = read(series(_UP, (_NOW_MS, 1.5)))
    assert rows(written) == expected((_UP_SERIES, _NOW_MS, 1.5))
    assert (written.rejected, written.reasons) == (0, [])
    assert read().batch.series == {}


def test_a_known_series_is_found_again_by_its_bytes():
    decoder = RemoteWriteDecoder()
    for step in range(3):
        written = read(series(_UP, (_NOW_MS + step, step + 0.5)), decoder=decoder)
        assert rows(written) == expected((_UP_SERIES, _NOW_MS + step, step + 0.5))
    assert len(decoder.memo) == 1


_VALUES = some.one_of(some.floats(), some.sampled_from([0.0, -0.0, STALE, float("inf"), 5e-324]))
_TIMES = some.one_of(some.integers(0, 9_223_372_036_854), some.integers(_NOW_MS, _NOW_MS + 10**9))
_LABELS = some.dictionaries(some.text("abc", min_size=1, max_size=3), some.text(max_size=200), max_size=4)


@settings(max_examples=150)
@given(some.lists(some.tuples(_LABELS, some.lists(some.tuples(_TIMES, _VALUES), max_size=5)), max_size=5))
def test_every_layout_is_read_the_first_time_and_the_second(given_series):
    made, wanted = [], []
    for labels, samples in given_series:
        pairs = sorted({**labels, "__name__": "m"}.items())
        made.append(series(pairs, *samples))
        own = tuple((name, value) for name, value in pairs if name != "__name__" and value)
        wanted += [(Series("m", own, kind=Kind.UNKNOWN), time_ms, value) for time_ms, value in samples]
    decoder = RemoteWriteDecoder()
    for _ in range(2):
        assert rows(read(*made, decoder=decoder)) == expected(*wanted)


def test_stale_markers_and_other_nans_keep_their_bits():
    (odd_nan,) = struct.unpack("<d", struct.pack("<Q", 0x7FF8000000000001))
    decoder = RemoteWriteDecoder()
    for _ in range(2):
        written = read(series(_UP, (_NOW_MS, STALE), (_NOW_MS + 1, odd_nan)), decoder=decoder)
        assert rows(written) == expected((_UP_SERIES, _NOW_MS, STALE), (_UP_SERIES, _NOW_MS + 1, odd_nan))


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ([("job", "x")], "a series has no name"),
        ([("__name__", ""), ("job", "x")], "a series has no name"),
        ([("__name__", "m"), ("", "x")], "a label has no name"),
        ([("__name__", "m"), ("a", "1"), ("a", "2")], "a label is there twice"),
        ([("z", "1"), ("__name__", "m")], "the labels of a series are not sorted by name"),
        ([("__name__", "m"), ("a", b"\xff")], "a label is no UTF-8"),
        ([("__name__", "m"), ("a", "x" * 5000)], "a label is longer than 4096 characters"),
        ([("__name__", "m"), *((f"l{n:03}", "x") for n in range(200))], "more than 128 labels"),
    ],
)
def test_a_bad_series_does_not_take_its_neighbours_along(labels, reason):
    decoder = RemoteWriteDecoder()
    for _ in range(2):
        written = read(series(_UP, (_NOW_MS, 1.0)), series(labels, (_NOW_MS, 1.0), (_NOW_MS + 1, 2.0)), decoder=decoder)
        assert rows(written) == expected((_UP_SERIES, _NOW_MS, 1.0))
        assert (written.rejected, written.reasons) == (2, [reason])


def test_an_empty_value_is_as_good_as_no_label():
    written = read(series({**_UP, "zone": ""}, (_NOW_MS, 1.0)))
    assert rows(written) == expected((_UP_SERIES, _NOW_MS, 1.0))


def test_times_outside_of_the_lake_are_refused():
    written = read(series(_UP, (-1000, 1.0), (2**62, 2.0), (_NOW_MS, 3.0)))
    assert rows(written) == expected((_UP_SERIES, _NOW_MS, 3.0))
    assert written.rejected == 2


def test_metadata_says_what_a_metric_means():
    about = [
        message("MetricMetadata")(type=1, metric_family_name=b"sent_total", help=b"Sent  bytes.", unit=b"bytes"),
        message("MetricMetadata")(type=3, metric_family_name=b"took"),
    ]
    decoder = RemoteWriteDecoder()
    assert len(read(decoder=decoder, metadata=about).batch) == 0
    names = ("sent_total", "took_bucket", "took_count", "other_total", "other")
    written = read(*(series({"__name__": name}, (_NOW_MS, 1.0)) for name in names), decoder=decoder)
    meant = {one.name: (one.kind, one.unit, one.description) for one in written.batch.series.values()}
    assert meant == {
        "sent_total": (Kind.COUNTER, "bytes", "Sent bytes."),
        "took_bucket": (Kind.HISTOGRAM, "", ""),
        "took_count": (Kind.HISTOGRAM, "", ""),
        "other_total": (Kind.COUNTER, "", ""),
        "other": (Kind.UNKNOWN, "", ""),
    }
    assert decoder.memo.metadata["took"].kind is Kind.HISTOGRAM


def test_exemplars_come_along():
    exemplar = message("Exemplar")(
        labels=labels_of([("trace_id", "ab" * 16), ("user", "u1")]), value=0.5, timestamp=_NOW_MS
    )
    written = read(series(_UP, (_NOW_MS, 1.0), exemplars=[exemplar]))
    (found,) = written.batch.exemplars
    assert found == Exemplar(_UP_SERIES.id(), _NOW_MS * 1_000_000, 0.5, "ab" * 16, "", (("user", "u1"),))


def test_series_are_forgotten_when_there_are_too_many():
    decoder = RemoteWriteDecoder(max_series=3)
    for number in range(10):
        written = read(series({"__name__": f"m{number}"}, (_NOW_MS, 1.0)), decoder=decoder)
        assert [one.name for one in written.batch.series.values()] == [f"m{number}"]
        assert len(decoder.memo) <= 3


def test_unknown_fields_are_passed_over():
    body = b"\xa0\x06\x96\x01" + request(series(_UP, (_NOW_MS, 1.0))).SerializeToString() + b"\xf2\x06\x03abc"
    assert len(RemoteWriteDecoder().read(body).batch.samples) == 1


def test_labels_may_come_after_samples():
    parts = [series({"__name__": "m"}), series((), (_NOW_MS, 1.0)), series({"a": "b"})]
    content = b"".join(part.SerializeToString() for part in parts)
    written = RemoteWriteDecoder().read(b"\x0a" + bytes([len(content)]) + content)
    assert rows(written) == expected((Series("m", (("a", "b"),), kind=Kind.UNKNOWN), _NOW_MS, 1.0))


@settings(max_examples=200)
@given(some.data())
def test_damage_is_an_error_of_the_sender_or_nothing(data):
    body = bytearray(request(series(_UP, (_NOW_MS, 1.0)), series(_UP, (_NOW_MS, 2.0))).SerializeToString())
    decoder = RemoteWriteDecoder()
    decoder.read(bytes(body))
    for _ in range(data.draw(some.integers(1, 3))):
        body[data.draw(some.integers(0, len(body) - 1))] = data.draw(some.integers(0, 255))
    cut = bytes(body[: data.draw(some.integers(0, len(body)))])
    try:
        decoder.read(cut)
    except DecodeError:
        return
    message("WriteRequest").FromString(cut)


@pytest.mark.parametrize("body", [b"", b"\xff", b"not snappy at all", b"\x05\x00"])
def test_what_is_no_snappy_is_refused(body):
    with pytest.raises(DecodeError):
        RemoteWriteDecoder().decode(body, _LIMIT)


def test_a_bomb_is_refused_before_memory_is_taken():
    block = b"\x80\x80\x80\x80\x80\x20" + b"\x00a"
    with pytest.raises(PayloadTooLarge):
        RemoteWriteDecoder().decode(block, _LIMIT)


def native(**fields):
    return message("Histogram")(timestamp=_NOW_MS, **fields)


def span(gap, length):
    return message("BucketSpan")(offset=gap, length=length)


def histograms(*found):
    return read(message("TimeSeries")(labels=labels_of({"__name__": "took"}.items()), histograms=found))


def test_a_native_histogram_of_integers():
    written = histograms(
        native(
            count_int=15, sum=18.5, schema=1, zero_threshold=0.001, zero_count_int=2, reset_hint=2,
            positive_spans=[span(-1, 2), span(2, 1)], positive_deltas=[1, 2, -1],
            negative_spans=[span(3, 1)], negative_deltas=[7],
        )
    )  # fmt: skip
    (point,) = written.batch.exponential
    assert (point.count, point.sum, point.scale, point.zero_count, point.zero_threshold) == (15, 18.5, 1, 2, 0.001)
    assert (point.positive_offset, list(point.positive)) == (-2, [1, 3, 0, 0, 2])
    assert (point.negative_offset, list(point.negative)) == (2, [7])
    assert (point.hint, point.is_fractional(), point.time_ns) == (2, False, _NOW_MS * 1_000_000)
    assert written.batch.series[point.series_id] == Series("took", kind=Kind.HISTOGRAM)


def test_a_native_histogram_of_fractions_and_one_of_whole_floats():
    spans = [span(0, 2)]
    half = native(count_float=2.5, zero_count_float=0.5, positive_spans=spans, positive_counts=[0.5, 1.5], reset_hint=3)
    whole = native(count_float=3.0, positive_spans=spans, positive_counts=[1.0, 2.0])
    first, second = histograms(half, whole).batch.exponential
    assert (first.is_fractional(), first.count, first.zero_count, list(first.positive)) == (True, 2.5, 0.5, [0.5, 1.5])
    assert (second.is_fractional(), second.count, list(second.positive)) == (False, 3, [1, 2])
    assert first.hint == 3


def test_a_native_histogram_with_custom_bounds():
    (point,) = histograms(
        native(count_int=3, schema=CUSTOM_SCALE, custom_values=[1.0, 5.0], positive_spans=[span(1, 2)],
               positive_deltas=[1, 1])
    ).batch.exponential  # fmt: skip
    assert (point.scale, list(point.bounds), point.positive_offset, list(point.positive)) == (
        CUSTOM_SCALE, [1.0, 5.0], 1, [1, 2]
    )  # fmt: skip


@pytest.mark.parametrize(
    "bad",
    [
        native(schema=9),
        native(schema=-6),
        native(count_int=1, positive_spans=[span(0, 2)], positive_deltas=[1]),
        native(count_int=1, positive_spans=[span(0, 1), span(-1, 1)], positive_deltas=[1, 1]),
        native(count_int=1, positive_spans=[span(0, 1), span(1 << 30, 1)], positive_deltas=[1, 1]),
        native(count_int=1, positive_spans=[span(0, 1)], positive_deltas=[-1]),
        native(schema=CUSTOM_SCALE, custom_values=[2.0, 1.0]),
        native(schema=CUSTOM_SCALE, custom_values=[1.0], positive_spans=[span(0, 3)], positive_deltas=[1, 0, 0]),
        native(schema=CUSTOM_SCALE, custom_values=[1.0], negative_spans=[span(0, 1)], negative_deltas=[1]),
    ],
)
def test_a_histogram_that_contradicts_itself_is_refused(bad):
    written = histograms(bad, native(count_int=1))
    assert (written.rejected, len(written.batch.exponential)) == (1, 1)


def _prometheus_points():
    custom = native(count_int=3, sum=7.5, schema=CUSTOM_SCALE, custom_values=[1.0, 5.0], positive_spans=[span(1, 2)],
                    positive_deltas=[1, 1])  # fmt: skip
    half = native(count_float=2.6, positive_spans=[span(0, 2)], positive_counts=[0.6, 2.0], reset_hint=3)
    return histograms(custom, half).batch


def test_json_lines_lose_nothing_of_native_histograms():
    batch = _prometheus_points()
    assert decode_metrics(encode_metrics(batch, whole=True)).exponential == batch.exponential


def test_otlp_has_custom_buckets_as_a_histogram_and_whole_counts():
    (metric,) = json.loads(encode_json(_prometheus_points())["metrics"])["resourceMetrics"][0]["scopeMetrics"]
    custom, half = (one for one in metric["metrics"])
    (point,) = custom["histogram"]["dataPoints"]
    assert (point["explicitBounds"], point["bucketCounts"], point["count"]) == ([1.0, 5.0], ["0", "1", "2"], "3")
    (point,) = half["exponentialHistogram"]["dataPoints"]
    assert (point["count"], point["positive"]["bucketCounts"]) == ("3", ["1", "2"])
    assert encode_wire(_prometheus_points())["metrics"]


def test_classic_buckets_of_custom_bounds_are_those():
    custom, half = _prometheus_points().exponential
    assert classic_buckets(custom) == [(1.0, 0), (5.0, 1), (float("inf"), 3)]
    assert classic_buckets(half) == [(1.0, 0.6), (2.0, 2.6), (float("inf"), 2.6)]
