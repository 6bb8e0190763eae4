from firstlight.codecs.otlp.values import STALE
from firstlight.export.latest import Latest
from firstlight.model import Batch, Event, Exemplar, ExponentialPoint, Kind, Level, Resource, Series, Span

SENDER = Resource("dawn", "s1")
GAUGE = Series("queue_length")
COUNTER = Series("orders_total", kind=Kind.COUNTER)


def batch(*samples: tuple[Series, int, float]) -> Batch:
    made = Batch(SENDER)
    for sample in samples:
        made.add_sample(*sample)
    return made


def state(latest: Latest) -> dict[tuple[str, ...], float]:
    return {
        (
            reading.series.name,
            reading.series.field,
            *(f"{key}={value}" for key, value in reading.series.labels),
        ): reading.value
        for reading in latest.readings()
    }


def test_the_newest_value_stays() -> None:
    latest = Latest()
    latest.fold(batch((GAUGE, 5, 1.0), (GAUGE, 7, 2.0), (GAUGE, 6, 3.0)))
    assert state(latest) == {("queue_length", "value"): 2.0}


def test_a_first_zero_says_when_counting_began() -> None:
    latest = Latest()
    latest.fold(batch((COUNTER, 5, 0.0), (COUNTER, 9, 4.0), (GAUGE, 5, 0.0), (Series("x", kind=Kind.COUNTER), 5, 1.0)))
    assert {reading.series.name: reading.created_ns for reading in latest.readings()} == {
        "orders_total": 5,
        "queue_length": None,
        "x": None,
    }


def test_stale_series_go() -> None:
    latest = Latest()
    latest.fold(batch((GAUGE, 5, 1.0), (GAUGE, 6, STALE), (COUNTER, 6, STALE)))
    assert state(latest) == {}


def test_beyond_the_bound_the_longest_silent_go() -> None:
    latest = Latest("events_total", "duration_ms", max_series=16)
    latest.fold(batch(*((Series("x", (("n", str(number)),)), number, float(number)) for number in range(40))))
    assert sorted(state(latest).values()) == [float(number) for number in range(25, 40)]
    many = Batch(SENDER)
    many.events += [Event(100, "e", component=str(number)) for number in range(40)]
    many.spans += [Span(100, 101, str(number), "", "") for number in range(40)]
    for number in range(40):
        series = Series("e", (("n", str(number)),))
        many.series[series.id()] = series
        many.exponential.append(ExponentialPoint(series.id(), 1, 1, 1.0, 0, 1))
    latest.fold(many)
    assert len(latest._lines) <= 16
    assert len(latest._derived) <= 16
    assert len(latest._exponential) == 16


def test_exemplars_come_with_their_series() -> None:
    latest = Latest()
    made = batch((COUNTER, 5, 1.0))
    exemplar = Exemplar(COUNTER.id(), 5, 0.5, "a" * 32)
    made.exemplars += [exemplar, Exemplar(99, 5, 0.5)]
    latest.fold(made)
    assert [reading.exemplar for reading in latest.readings()] == [exemplar]


def test_an_exponential_histogram_is_shown_in_classic_buckets() -> None:
    latest = Latest()
    made = Batch(SENDER)
    series = Series("wait", (("a", "b"),), kind=Kind.HISTOGRAM)
    made.series[series.id()] = series
    for time_ns, zeros in ((9, 1), (8, 50)):
        made.exponential.append(ExponentialPoint(series.id(), time_ns, 3 + zeros, 5.5, 0, zeros, 0.0, 0, [2, 1]))
    latest.fold(made)
    assert state(latest) == {
        ("wait", "bucket", "a=b", "le=0"): 1.0,
        ("wait", "bucket", "a=b", "le=2"): 3.0,
        ("wait", "bucket", "a=b", "le=4"): 4.0,
        ("wait", "bucket", "a=b", "le=+Inf"): 4.0,
        ("wait", "count", "a=b"): 4.0,
        ("wait", "sum", "a=b"): 5.5,
    }


def test_events_are_counted_and_durations_kept_when_wanted() -> None:
    made = Batch(SENDER)
    made.events += [Event(time_ns, "zone", Level.INFO + 1, "pulse", "scup") for time_ns in (1, 2, 3)]
    made.events.append(Event(4, "zone", Level.ERROR))
    made.spans += [
        Span(10, 12_500_010, "encode", "", "", subsystem="memory", component="fractal"),
        Span(0, 9, "encode", "", "", subsystem="memory", component="fractal"),
    ]
    quiet, counting = Latest(), Latest("dawn_telemetry_events_total", "dawn_operation_duration_ms")
    quiet.fold(made)
    assert state(quiet) == {}
    for _ in range(2):
        counting.fold(made)
    assert state(counting) == {
        ("dawn_telemetry_events_total", "value", "component=scup", "level=INFO", "subsystem=pulse"): 6.0,
        ("dawn_telemetry_events_total", "value", "level=ERROR"): 2.0,
        ("dawn_operation_duration_ms", "value", "component=fractal", "operation=encode", "subsystem=memory"): 12.5,
    }
