"""What the hub counts of itself; the one list of its metrics."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import psutil

from firstlight.app.instruments import SERVICE, Counter, Gauge, Registry
from firstlight.model import Batch, Kind, Resource


@dataclass(frozen=True)
class LakeMetric:
    """A figure of ``Lake.stats()`` as a metric; a nested one has its keys as values of ``label``."""

    figure: str
    name: str
    kind: Kind
    description: str
    unit: str = ""
    label: str = ""


LAKE_METRICS = (
    LakeMetric("series", "firstlight_series_count", Kind.GAUGE, "Series known."),
    LakeMetric(
        "series_collisions", "firstlight_series_collisions_total", Kind.COUNTER, "Series with a taken identity."
    ),
    LakeMetric("snapshot", "firstlight_catalog_snapshot_number", Kind.GAUGE, "The catalog's newest state."),
    LakeMetric("logs", "firstlight_wal_files_count", Kind.GAUGE, "Log files not sealed yet."),
    LakeMetric("wal_bytes", "firstlight_wal_bytes", Kind.GAUGE, "Bytes in them.", "By"),
    LakeMetric("tail_samples", "firstlight_tail_samples_count", Kind.GAUGE, "Samples in them."),
    LakeMetric("segments", "firstlight_segments_count", Kind.GAUGE, "Sealed files."),
    LakeMetric("sealed_bytes", "firstlight_segments_bytes", Kind.GAUGE, "Bytes in them.", "By"),
    LakeMetric("sealed_rows", "firstlight_segments_rows_count", Kind.GAUGE, "Rows in them.", label="table"),
    LakeMetric("appends", "firstlight_appends_total", Kind.COUNTER, "Frames put in this process's log."),
    LakeMetric("appended_bytes", "firstlight_appended_bytes_total", Kind.COUNTER, "Bytes of them.", "By"),
    LakeMetric("syncs", "firstlight_syncs_total", Kind.COUNTER, "Times the log waited for the disk."),
    LakeMetric("seal_runs", "firstlight_seal_runs_total", Kind.COUNTER, "Times logs were sealed."),
    LakeMetric("seal_failures", "firstlight_seal_failures_total", Kind.COUNTER, "Times sealing failed."),
    LakeMetric(
        "refused_samples",
        "firstlight_refused_samples_total",
        Kind.COUNTER,
        "Samples of new series beyond a limit.",
        label="reason",
    ),
    LakeMetric("torn_bytes", "firstlight_torn_bytes_total", Kind.COUNTER, "Bytes cut from torn ends of logs.", "By"),
    LakeMetric("quarantined", "firstlight_quarantined_files_total", Kind.COUNTER, "Damaged log files put aside."),
    LakeMetric("lost_segments", "firstlight_lost_segments_total", Kind.COUNTER, "Damaged segments put aside."),
    LakeMetric("lost_rows", "firstlight_lost_rows_total", Kind.COUNTER, "Rows in them."),
    LakeMetric("retained_rows", "firstlight_retired_rows_total", Kind.COUNTER, "Rows that were too old."),
    LakeMetric("reduced_rows", "firstlight_budget_rows_total", Kind.COUNTER, "Rows that the disk budget took."),
    LakeMetric("over_bytes", "firstlight_over_budget_bytes", Kind.GAUGE, "What the budget still lacks.", "By"),
    LakeMetric("damaged_segments", "firstlight_damaged_segments_count", Kind.GAUGE, "Damaged segments left out."),
)


class SelfMetrics:
    """The hub's instruments.

    Args:
        lake_stats: returns figures of the lake; numbers, nested or not.
    """

    def __init__(self, lake_stats: Callable[[], Mapping[str, Any]] = dict) -> None:
        self.registry = registry = Registry()
        self.ingested_rows = registry.counter("firstlight_ingested_rows_total", "Rows stored.", ("signal", "transport"))
        self.ingest_requests = registry.counter(
            "firstlight_ingest_requests_total", "Deliveries answered.", ("signal", "status")
        )
        self.ingest_bytes = registry.counter("firstlight_ingest_bytes_total", "Body bytes received.", ("signal",), "By")
        self.ingest_errors = registry.counter("firstlight_ingest_errors_total", "Deliveries refused.", ("reason",))
        self.ingest_rejected = registry.counter(
            "firstlight_ingest_rejected_rows_total", "Rows refused of deliveries that were taken.", ("signal",)
        )
        self.dropped = registry.counter("firstlight_dropped_total", "Rows given up.", ("reason",))
        self.streams_dropped = registry.counter("firstlight_streams_dropped_total", "Live streams too slow to keep.")
        self.sources_forgotten = registry.counter("firstlight_sources_forgotten_total", "Silent senders forgotten.")
        self.http_requests = registry.counter(
            "firstlight_http_requests_total", "Requests answered.", ("route", "method", "status")
        )
        self.http_seconds = registry.histogram(
            "firstlight_http_request_seconds", "Time to the end of an answer.", ("route",)
        )
        self.query_seconds = registry.histogram("firstlight_query_seconds", "Time to run a query.")
        self.faults = registry.counter("firstlight_faults_total", "Unexpected errors.", ("where",))
        self.health_score = registry.gauge("firstlight_health_ratio", "Health, 0 to 1.", ("subsystem",))
        self.streams = registry.gauge("firstlight_streams_count", "Live streams now.")
        for counter, labels in (
            (self.dropped, ("host", "self")),
            (self.ingest_errors, ("storage", "storage_full")),
            (self.faults, ("health", "http", "self")),
        ):
            for label in labels:
                counter.inc(label, by=0)  # a figure that was never anything but missing cannot be judged
        self._lake_stats = lake_stats
        self._lake = [(metric, _instrument(registry, metric)) for metric in LAKE_METRICS]
        self._lake_seen: dict[tuple[str, ...], float] = {}
        self._process = psutil.Process()
        self._memory = registry.gauge("process_resident_memory_bytes", "Memory in use.", unit="By")
        self._cpu = registry.counter("process_cpu_seconds_total", "Processor time used.", unit="s")
        self._cpu_seen_s = 0.0
        registry.before_reading(self._read_process)
        registry.before_reading(self._read_lake)

    def batch(self, now_ns: int) -> Batch:
        """Return every value now, ready to be stored."""
        batch = Batch(Resource(service=SERVICE))
        for series, value in self.registry.collect():
            batch.add_sample(series, now_ns, value)
        return batch

    def _read_process(self) -> None:
        self._memory.set(self._process.memory_info().rss)
        used_s = time.process_time()
        self._cpu.inc(by=used_s - self._cpu_seen_s)
        self._cpu_seen_s = used_s

    def _read_lake(self) -> None:
        figures = self._lake_stats()
        for metric, instrument in self._lake:
            values: dict[tuple[str, ...], float]
            if metric.label:
                values = {(label,): value for label, value in figures.get(metric.figure, {}).items()}
            else:
                values = {(): figures.get(metric.figure, 0)}
            for labels, value in values.items():
                self._take(instrument, labels, value)

    def _take(self, instrument: Counter | Gauge, labels: tuple[str, ...], value: float) -> None:
        if isinstance(instrument, Gauge):
            instrument.set(value, *labels)
        else:
            key = (instrument.name, *labels)
            instrument.inc(*labels, by=value - self._lake_seen.get(key, 0.0))
            self._lake_seen[key] = value


def _instrument(registry: Registry, metric: LakeMetric) -> Counter | Gauge:
    make = registry.counter if metric.kind is Kind.COUNTER else registry.gauge
    return make(metric.name, metric.description, (metric.label,) if metric.label else (), metric.unit)
