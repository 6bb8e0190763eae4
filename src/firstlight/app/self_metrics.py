"""What the hub counts of itself; the one list of its metrics."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import psutil

from firstlight.app.instruments import SERVICE, Gauge, Registry
from firstlight.model import Batch, Resource

LAKE_PREFIX = "firstlight_"


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
        self._lake_stats = lake_stats
        self._lake: dict[str, Gauge] = {}
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
        for name, value in _numbers(self._lake_stats(), LAKE_PREFIX):
            if name not in self._lake:
                self._lake[name] = self.registry.gauge(name, "A figure of the lake.")
            self._lake[name].set(value)


def _numbers(tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, float]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{prefix}{key}_")
        elif isinstance(value, int | float):
            yield f"{prefix}{key}", value
