import pytest

from firstlight.app.intake import Intake
from firstlight.app.live import LiveFeed
from firstlight.app.self_metrics import SelfMetrics
from firstlight.app.sources import Sources
from firstlight.errors import StorageError, StorageFull
from firstlight.model import Batch, Event, Resource


class Store:
    """Keeps batches, or fails with ``problem``."""

    def __init__(self):
        self.batches = []
        self.problem = None

    def append(self, batches, batch_id=b""):
        if self.problem:
            raise self.problem
        self.batches += [(batch, batch_id) for batch in batches]

    def was_recovered(self, batch_id):
        return batch_id == b"known"


@pytest.fixture
def intake():
    return Intake(Store(), SelfMetrics(), Sources(), LiveFeed(1, lambda: None), lambda: 42)


def batch_of(events: int) -> Batch:
    batch = Batch(Resource(service="demo"))
    batch.events += [Event(1, "e")] * events
    return batch


def test_what_is_stored_is_counted_by_signal_and_transport(intake) -> None:
    batch = batch_of(3)
    intake.door("otlp").append([batch], b"id")
    assert intake.store.batches == [(batch, b"id")]
    points = {series.labels: value for series, value in intake.metrics.ingested_rows.points()}
    assert points == {(("signal", "logs"), ("transport", "otlp")): 3}
    assert [(source.service, source.last_seen_ns) for source in intake.sources.seen()] == [("demo", 42)]


def test_deliveries_known_after_a_crash_are_known_here_too(intake) -> None:
    assert intake.door("otlp").was_recovered(b"known")
    assert not intake.door("otlp").was_recovered(b"new")


@pytest.mark.parametrize(
    ("problem", "reason"), [(StorageFull("no room"), "storage_full"), (StorageError("torn"), "storage")]
)
def test_what_is_not_stored_is_not_counted_and_the_reason_is_kept_until_it_works(intake, problem, reason) -> None:
    intake.store.problem = problem
    with pytest.raises(type(problem)):
        intake.door("otlp").append([batch_of(3)])
    assert intake.problem == str(problem)
    assert intake.metrics.ingested_rows.total() == 0
    assert intake.sources.seen() == []
    counted = {dict(series.labels)["reason"]: value for series, value in intake.metrics.ingest_errors.points()}
    assert counted == {"storage": 0, "storage_full": 0, reason: 1}
    intake.store.problem = None
    intake.door("host").append([batch_of(1)])
    assert intake.problem == ""


def test_a_write_that_began_before_another_failed_does_not_hide_that(intake) -> None:
    class Slow(Store):
        """While it writes, the disk becomes full for somebody else."""

        def append(self, batches, batch_id=b""):
            intake.store = Store()
            intake.store.problem = StorageFull("no room")
            with pytest.raises(StorageFull):
                intake.door("host").append([batch_of(1)])
            super().append(batches, batch_id)

    intake.store = Slow()
    intake.door("otlp").append([batch_of(1)])
    assert intake.problem == "no room"
    intake.store = Store()
    intake.door("otlp").append([batch_of(1)])
    assert intake.problem == ""
