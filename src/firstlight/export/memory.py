"""Keeps batches in memory, for tests and for looking at one's own process."""

from collections import deque

from firstlight.model import Batch, Event, Span

MAX_BATCHES = 10_000


class MemoryExporter:
    """Keeps the newest ``max_batches`` batches.

    Attributes:
        batches: oldest first.
        closed: whether it was closed.
    """

    def __init__(self, max_batches: int = MAX_BATCHES) -> None:
        self.batches: deque[Batch] = deque(maxlen=max_batches)
        self.closed = False

    def export(self, batch: Batch) -> None:
        """Keep ``batch``."""
        self.batches.append(batch)

    def close(self) -> None:
        """Keep nothing more; what is there stays readable."""
        self.closed = True

    @property
    def events(self) -> list[Event]:
        """All events, in the order they came."""
        return [event for batch in self.batches for event in batch.events]

    @property
    def spans(self) -> list[Span]:
        """All spans, in the order they ended."""
        return [span for batch in self.batches for span in batch.spans]

    def latest(self, name: str, field: str = "value") -> dict[tuple[tuple[str, str], ...], float]:
        """Return the newest value of each line of metric ``name``, by labels."""
        found: dict[tuple[tuple[str, str], ...], float] = {}
        for batch in self.batches:
            samples = batch.samples
            for series_id, value in zip(samples.series_ids, samples.values, strict=True):
                series = batch.series[series_id]
                if (series.name, series.field) == (name, field):
                    found[series.labels] = value
        return found
