from firstlight.model import Kind, Resource, Series
from firstlight.sdk.flow.ledger import Ledger
from firstlight.sdk.flow.troubles import Troubles
from firstlight.sdk.metrics.observable import Reading
from firstlight.sdk.metrics.registry import Registry
from firstlight.sdk.metrics.report import BATCH_SAMPLES, Reporter
from tests.sdk.recorder import Recorder


class Histograms:
    """A source of ``number`` histograms with 500 buckets each."""

    def __init__(self, number: int) -> None:
        self.number = number

    def read(self) -> list[Reading]:
        return [
            Reading(Series(f"h{at}", (("le", str(bucket)),), field="bucket", kind=Kind.HISTOGRAM), float(bucket))
            for at in range(self.number)
            for bucket in range(500)
        ]


def test_what_is_asked_for_is_cut_into_batches_between_metrics_only(recorder: Recorder) -> None:
    registry = Registry(lambda: 5, Ledger(), Troubles(Ledger(), raise_errors=True))
    registry.add_source(Histograms(20))
    reporter = Reporter(registry, Ledger())
    for _ in range(2):
        batches = [
            batch
            for batch in reporter.report(Resource("shop", "s"), 7)
            if any(len(s.name) < 4 for s in batch.series.values())
        ]
        names = [sorted({series.name for series in batch.series.values()}) for batch in batches]
        assert len(batches) == 3
        assert sorted(name for each in names for name in each) == sorted(f"h{at}" for at in range(20))
        assert all(len(batch) < BATCH_SAMPLES + 500 for batch in batches)
        assert all(series.service == "shop" for batch in batches for series in batch.series.values())


def test_a_reading_may_say_when_it_was_measured(recorder: Recorder) -> None:
    class Old:
        def read(self) -> list[Reading]:
            return [Reading(Series("old"), 1.0, 123), Reading(Series("new"), 2.0)]

    recorder.telemetry.registry.add_source(Old())
    recorder.telemetry.counter("total").inc()
    recorder.telemetry.flush()
    times = {
        batch.series[series_id].name: time_ns
        for batch in recorder.memory.batches
        for series_id, time_ns in zip(batch.samples.series_ids, batch.samples.times_ns, strict=True)
    }
    assert (times["old"], times["new"]) == (123, recorder.clock.time_ns)


def test_another_reporter_sees_the_same_state(recorder: Recorder) -> None:
    scope = recorder.telemetry.scope("web")
    scope.counter("total", exemplars=True)
    scope.facts("build_info", {"version": "1"})
    with recorder.telemetry.span("work"):
        scope.counter("total", exemplars=True).inc()
    registry = recorder.telemetry.registry
    registry.fold()
    found = []
    for _ in range(2):
        batches = list(Reporter(registry, Ledger()).report(Resource("other"), 7))
        found.append([(len(batch.exemplars), batch.samples.values.tolist()) for batch in batches])
    assert found[0] == found[1]
    assert found[0][0][0] == 1
