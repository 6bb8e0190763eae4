"""Everything wired together: the lake, the doors into it, the looks at it."""

import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, Unpack, runtime_checkable

from firstlight import plugins
from firstlight.app.deliveries import Deliveries, OtlpDoor
from firstlight.app.gate import Gate
from firstlight.app.intake import Door, Intake
from firstlight.app.lake import Lake
from firstlight.app.lake_limits import LakeLimits
from firstlight.app.live import LiveFeed
from firstlight.app.queries import CancellableSql, Queries
from firstlight.app.schedule import Periodic
from firstlight.app.self_metrics import SelfMetrics
from firstlight.app.series_limits import SeriesLimits
from firstlight.app.settings import Resolved
from firstlight.app.sources import Sources
from firstlight.app.upkeep import policy_of
from firstlight.app.writes import SIGNAL as REMOTE_WRITE
from firstlight.app.writes import WriteDoor, Writes
from firstlight.assess.health import assess
from firstlight.assess.packs import load_packs
from firstlight.errors import FirstlightError
from firstlight.ingest.otlp import OtlpReceiver
from firstlight.ingest.remote_write import RemoteWriteReceiver
from firstlight.model import Health, HealthReport, HealthState
from firstlight.ports import Clock, Receiver, Rows, SignalReader, SignalStore
from firstlight.query.promql.engine import Engine
from firstlight.query.promql.lake_labels import LakeLabels
from firstlight.query.search import SearchOptions

_log = logging.getLogger(__name__)

Assess = Callable[[SignalReader, int], HealthReport]


class EventSearch(Protocol):
    """Looks for events by a text; another thread can stop it."""

    def __call__(
        self,
        text: str,
        start_ns: int | None = None,
        end_ns: int | None = None,
        *,
        cancel: threading.Event | None = None,
        **options: Unpack[SearchOptions],
    ) -> Rows:
        """See :meth:`firstlight.app.lake.Lake.search`."""


class Store(SignalStore, SignalReader, Protocol):
    """A lake."""

    @property
    def sql(self) -> CancellableSql:
        """SQL that can be stopped."""

    @property
    def search(self) -> EventSearch:
        """Search of events that can be stopped."""

    @property
    def promql_engine(self) -> Engine:
        """What evaluates PromQL over it."""

    @property
    def promql_labels(self) -> LakeLabels:
        """What PromQL calls its series."""

    def stats(self) -> Mapping[str, Any]:
        """Return figures about it, numbers or nested mappings of numbers."""

    def close(self) -> None:
        """Write what is held back and give everything free."""


@runtime_checkable
class CountsDropped(Protocol):
    """A receiver that tells how many rows it had to give up."""

    @property
    def dropped_rows(self) -> int:
        """Rows given up since the start."""


@runtime_checkable
class CountsRejected(Protocol):
    """A door that knows what it refused of deliveries that it took otherwise."""

    @property
    def rejected_items(self) -> Mapping[str, int]:
        """Items refused since the start, by signal."""


class Platform:
    """One running Firstlight.

    Args:
        resolved: the settings and their sources.
        store: the lake; the platform closes it.
        otlp: makes the OTLP receiver, given the store as it shall see it.
        remote_write: likewise, that of remote write.
        assess: judges health.
        receivers: what brings signals in by itself, by transport name.
        clock: nanoseconds since the epoch.
    """

    def __init__(  # noqa: PLR0913 - one argument for each part
        self,
        resolved: Resolved,
        store: Store,
        *,
        otlp: Callable[[SignalStore], OtlpDoor],
        remote_write: Callable[[SignalStore], WriteDoor],
        assess: Assess,
        receivers: Mapping[str, Receiver],
        clock: Clock = time.time_ns,
    ) -> None:
        self.resolved = resolved
        self.settings = settings = resolved.settings
        self.store = store
        self.clock = clock
        self.started_ns = clock()
        self.pid = os.getpid()
        self.url = ""
        self.is_stopping = False
        self.metrics = SelfMetrics(store.stats)
        self.live = LiveFeed(settings.limits.max_streams, self.metrics.streams_dropped.inc)
        self.sources = Sources(forgotten=self.metrics.sources_forgotten.inc)
        self.intake = Intake(store, self.metrics, self.sources, self.live, clock)
        self._otlp = otlp(self.intake.door("otlp"))
        self.deliveries = Deliveries(
            self._otlp, self.metrics, settings.limits.max_inflated_bytes, clock, self.intake.progress
        )
        self.writes = Writes(remote_write(self.intake.door(REMOTE_WRITE)), self.metrics)
        self.ingest_gate = Gate("ingest", settings.limits.max_concurrent_ingest, settings.limits.max_waiting_ingest)
        self.query_gate = Gate("query", settings.limits.max_concurrent_queries, settings.limits.max_waiting_queries)
        self.queries = Queries(store.sql, self.query_gate, self.metrics)
        self.health = HealthReport(self.started_ns, Health(None, HealthState.UNKNOWN), {})
        self._assess = assess
        self._receivers = receivers
        self._self_door: Door = self.intake.door("self")
        self._periodic = self._make_periodic()
        self._dropped_seen = dict.fromkeys(receivers, 0)
        self._rejected_seen: Counter[str] = Counter()
        self.metrics.registry.before_reading(self._read_live)

    @classmethod
    def open(cls, resolved: Resolved) -> "Platform":
        """Open the lake and wire everything that the settings ask for.

        Raises:
            StorageError: the lake cannot be opened.
            StorageFull: the disk is full.
            ConfigError: a pack is unknown or wrong.
            PluginError: a receiver does not load.
        """
        settings = resolved.settings
        packs = load_packs(settings.health.packs)
        receivers: dict[str, Receiver] = {}
        if settings.host.enabled:
            receivers["host"] = plugins.load("receiver", "host")(interval_s=settings.host.interval_s)
        lake = Lake.open(
            settings.data_path,
            durability=settings.lake.durability,
            limits=LakeLimits(
                memory_limit_bytes=settings.limits.query_memory_bytes,
                time_limit_s=settings.limits.query_time_s,
                query_samples=settings.limits.query_samples,
                series=SeriesLimits(settings.lake.series_per_metric, settings.lake.series_total),
            ),
            policy=policy_of(settings.lake),
        )
        return cls(
            resolved,
            lake,
            otlp=OtlpReceiver,
            remote_write=lambda door: RemoteWriteReceiver(door, lake.refusals, settings.limits.max_inflated_bytes),
            assess=lambda reader, now_ns: assess(packs, reader, now_ns),
            receivers=receivers,
        )

    def start(self) -> None:
        """Begin to receive and to look."""
        for transport, receiver in self._receivers.items():
            receiver.start(self.intake.door(transport).append)
        for periodic in self._periodic:
            periodic.start()

    def stop(self) -> None:
        """End in the order in which nothing is lost: sources first, the lake last."""
        self.is_stopping = True
        self.live.close()
        for receiver in self._receivers.values():
            receiver.stop()
        self.ingest_gate.close()
        self.query_gate.close()
        for periodic in self._periodic:
            periodic.stop()
        self._keep_last_figures()
        self.store.close()

    def unready_reasons(self) -> list[str]:
        """Return why the hub cannot take or answer now; empty when it can."""
        reasons = ["the hub is stopping"] if self.is_stopping else []
        return reasons + ([self.intake.problem] if self.intake.problem else [])

    def look_at_health(self) -> None:
        """Judge health now, keep the report and show it to whoever watches."""
        report = self._assess(self.store, self.clock())
        self.health = report
        for subsystem, health in {"overall": report.overall, **report.subsystems}.items():
            if health.score is not None:
                self.metrics.health_score.set(health.score, subsystem)
        self.live.publish_health(report)

    def store_own_metrics(self) -> None:
        """Store the hub's own figures like anybody's."""
        batch = self.metrics.batch(self.clock())
        try:
            self._self_door.append([batch])
        except FirstlightError as error:
            _log.warning("own metrics not stored: %s", error)
            self.metrics.dropped.inc("self", by=len(batch))

    def _make_periodic(self) -> Sequence[Periodic]:
        settings = self.settings
        return (
            Periodic("health", settings.health.interval_s, self.look_at_health, self.metrics.faults.inc),
            Periodic("self", settings.self_metrics_interval_s, self.store_own_metrics, self.metrics.faults.inc),
        )

    def _read_live(self) -> None:
        self.metrics.streams.set(len(self.live))
        for transport, receiver in self._receivers.items():
            dropped_rows = receiver.dropped_rows if isinstance(receiver, CountsDropped) else 0
            self.metrics.dropped.inc(transport, by=dropped_rows - self._dropped_seen[transport])
            self._dropped_seen[transport] = dropped_rows
        rejected = Counter(self._otlp.rejected_items if isinstance(self._otlp, CountsRejected) else {})
        for signal, count in (rejected - self._rejected_seen).items():
            self.metrics.ingest_rejected.inc(signal, by=count)
        self._rejected_seen = rejected

    def _keep_last_figures(self) -> None:
        try:
            self.store_own_metrics()
        except Exception:  # noqa: BLE001 - whatever ails them, the lake must still be closed
            _log.exception("the last figures were not stored")
