"""A lake as programs use it: append, query, close."""

import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Unpack

from firstlight.app import upkeep
from firstlight.app.lake_limits import LakeLimits
from firstlight.app.series_limits import SeriesAdmission, refused_by_reason
from firstlight.errors import Overloaded, StorageError
from firstlight.model import Batch, Matcher, Series
from firstlight.query.aggregate import Aggregated, Steps, aggregate
from firstlight.query.event_counts import count_events
from firstlight.query.last import LastSample, last
from firstlight.query.rows import RowSet
from firstlight.query.search import EventFinder, SearchOptions
from firstlight.query.select import SeriesSamples, Window, select, window
from firstlight.store import lakehouse
from firstlight.store.backlog import Backlog
from firstlight.store.compact import Merged
from firstlight.store.delivery import newest, sender_of
from firstlight.store.erase import Erased, Patience
from firstlight.store.forks import no_fork, restart_in_children
from firstlight.store.keeper import Keeper
from firstlight.store.layout import Layout
from firstlight.store.maintain import KEEP_ALL
from firstlight.store.policy import Policy
from firstlight.store.reader import LakeReader
from firstlight.store.selection import Selection
from firstlight.store.verify import Verified
from firstlight.store.wal import Durability, WalWriter, delivery_name

if TYPE_CHECKING:
    from firstlight.app.exports.wanted import Report as ExportReport
    from firstlight.app.exports.wanted import Wanted as ExportWanted
    from firstlight.app.lake_backup import BackupReport
    from firstlight.app.lake_stats import LakeStats
    from firstlight.query.promql.engine import Engine
    from firstlight.query.promql.lake_labels import LakeLabels
    from firstlight.query.sql import SqlEngine


_DEFAULT_LIMITS = LakeLimits()
_SHOWN = 10


class Lake:
    """One directory of signals, open in this process; others may have it open too.

    Use :meth:`open`.  All methods may be called from any thread.  A forked child goes on with a log, a query engine and
    upkeep of its own.
    """

    def __init__(self, layout: Layout, reader: LakeReader, limits: LakeLimits, writer: WalWriter | None) -> None:
        self._layout = layout
        self._reader = reader
        self._limits = limits
        self._sql: SqlEngine | None = None
        self._promql: Engine | None = None
        self._promql_labels: LakeLabels | None = None
        self._finder = EventFinder(reader, limits.time_limit_s)
        self._wal = writer
        self._keeper: Keeper | None = None
        self._recovered: frozenset[bytes] = frozenset()
        self._newest: dict[bytes, bytes] = {}
        self._backlog = Backlog(layout.wal)
        self._admission: SeriesAdmission | None = None
        restart_in_children(self)

    def restart(self) -> None:
        """Begin anew in a forked child, where what other threads were about to change is left half done."""
        self._finder = EventFinder(self._reader, self._limits.time_limit_s)
        if self._admission is not None:
            self._admission = self._admission.anew()
        if self._keeper is not None:
            self._keeper = self._keeper.anew()

    def _engine(self) -> "SqlEngine":
        if self._sql is None:
            with no_fork:
                from firstlight.query.sql import SqlEngine  # and DuckDB: 33 MB for who asks by SQL, and nobody else

            self._sql = SqlEngine(self._reader, self._limits.time_limit_s)
        return self._sql

    @property
    def promql_engine(self) -> "Engine":
        """The engine that evaluates PromQL over this lake, within :class:`LakeLimits`."""
        if self._promql is None:
            with no_fork:
                from firstlight.query.promql.engine import Engine, Options
                from firstlight.query.promql.lake_labels import LakeLabels
                from firstlight.query.promql.lake_source import LakeSource

            options = Options(self._limits.query_samples, self._limits.time_limit_s)
            source = LakeSource(self._reader)
            self._promql_labels = LakeLabels(source)
            self._promql = Engine(source, options)
        return self._promql

    @property
    def promql_labels(self) -> "LakeLabels":
        """What PromQL calls the series of this lake: label sets, names, values, meanings."""
        _ = self.promql_engine
        assert self._promql_labels is not None
        return self._promql_labels

    @classmethod
    def open(
        cls,
        path: str | PathLike[str],
        *,
        durability: Durability = "always",
        read_only: bool = False,
        maintain: bool = True,
        limits: LakeLimits = _DEFAULT_LIMITS,
        policy: Policy = KEEP_ALL,
    ) -> "Lake":
        """Open the lake in ``path``; make it when it is missing, unless ``read_only``.

        Args:
            path: its directory.
            durability: when an append counts as kept: ``always`` on disk, ``interval`` within a second, ``never``
                when the operating system has it.
            read_only: write nothing but a catalog, where there are only the logs of recorders so far.
            maintain: seal finished logs in the background (at most one process of all does).
            limits: memory, time and log sizes.
            policy: what may go after a while, by maintenance; without one everything stays.

        Raises:
            StorageError: it cannot be opened; the message says what to do.
            StorageFull: the disk is full.
        """
        layout = Layout(path)
        if not read_only:
            layout.create()
        if not read_only or layout.wal.is_dir():
            # Processes that only record leave the catalog to the first who reads.
            lakehouse.create(layout)
        reader = LakeReader(layout, limits.memory_limit_bytes, limits.threads)
        writer = None if read_only else WalWriter(layout, durability, limits.rotate_bytes, limits.rotate_s)
        lake = cls(layout, reader, limits, writer)
        if writer is not None:
            lake._admission = SeriesAdmission(reader, limits.series)
            lake._begin(writer, policy if maintain else None)
        return lake

    def append(self, batches: Sequence[Batch], batch_id: bytes = b"") -> None:
        """Keep all of ``batches`` or none; see :meth:`firstlight.ports.SignalStore.append`.

        Samples of new series beyond :attr:`LakeLimits.series` are left out and counted in :meth:`stats`; see
        :meth:`refusals`.

        Raises:
            Overloaded: too much waits to be sealed; nothing was kept, try again later.
            StorageFull: no space; nothing was kept.
            StorageError: nothing was kept, or the lake is open for reading only.
        """
        if self._wal is None:
            raise StorageError("the lake is open for reading only; open it without read_only=True")
        if self._backlog.is_full():
            raise Overloaded("sealing has fallen behind; see 'firstlight doctor'", 5.0)
        assert self._admission is not None
        appended_bytes = self._wal.append(self._admission.admit(batches), batch_id)
        if self._keeper is not None:
            self._keeper.start()
        if delay_s := self._backlog.delay_s(appended_bytes):
            time.sleep(delay_s)

    def refusals(self, ids: Iterable[int]) -> Mapping[int, str]:
        """Return why samples of those of the series ``ids`` were left out that :meth:`append` had no room for."""
        return self._admission.refusals(ids) if self._admission else {}

    def was_recovered(self, batch_id: bytes) -> bool:
        """See :meth:`firstlight.ports.SignalStore.was_recovered`."""
        name = delivery_name(batch_id)
        return name in self._recovered or name <= self._newest.get(sender_of(name), b"")

    def sql(
        self,
        query: str,
        params: Sequence[Any] | Mapping[str, Any] | None = None,
        *,
        limit: int | None = None,
        time_limit_s: float | None = None,
        memory_limit_bytes: int | None = None,
        cancel: threading.Event | None = None,
    ) -> RowSet:
        """Run one read-only statement; see :meth:`firstlight.query.sql.SqlEngine.run`.

        Raises:
            QueryError: the statement is wrong, may not run, took too long or too much, or ``cancel`` was set.
            StorageError: segments are missing.
        """
        return self._engine().run(
            query,
            params,
            limit=limit,
            time_limit_s=time_limit_s,
            memory_limit_bytes=memory_limit_bytes,
            cancel=cancel,
        )

    def search(
        self,
        text: str,
        start_ns: int | None = None,
        end_ns: int | None = None,
        *,
        cancel: threading.Event | None = None,
        **options: Unpack[SearchOptions],
    ) -> RowSet:
        """Return the newest events in ``[start_ns, end_ns)`` that contain ``text``, newest first.

        Damaged segments are left out; the answer's ``warnings`` name them.

        Args:
            text: what to look for in names and bodies.
            start_ns: first moment; None for the oldest event.
            end_ns: the moment after the last; None for the newest event.
            cancel: set by another thread to stop the search.
            options: see :class:`firstlight.query.search.SearchOptions`.

        Raises:
            QueryError: the text is empty, the search took too long, or ``cancel`` was set.
            StorageError: segments cannot be read.
        """
        return self._finder.find(text, start_ns, end_ns, options, cancel)

    def window(
        self, name: str, start_ns: int, end_ns: int, labels: Mapping[str, str] | None = None, field: str = "value"
    ) -> Window:
        """See :meth:`firstlight.ports.SignalReader.window`."""
        return window(self._reader, name, start_ns, end_ns, labels, field)

    def select(
        self, matchers: Sequence[Matcher], start_ns: int, end_ns: int, field: str | None = "value"
    ) -> list[SeriesSamples]:
        """Return the samples with ``start_ns <= time < end_ns`` of each series that meets all ``matchers``.

        Times ascend.  Of several samples of a series at one time the one that was written last is returned.

        Args:
            matchers: conditions on labels.
            start_ns: the first time.
            end_ns: the first time that is too late.
            field: only series of this field; None for all.

        Raises:
            QueryError: a matcher's value is no regular expression.
            StorageError: a segment cannot be read.
        """
        return select(self._reader, matchers, start_ns, end_ns, field)

    def aggregate(  # noqa: PLR0913, PLR0917 - a range is three numbers
        self,
        matchers: Sequence[Matcher],
        start_ns: int,
        end_ns: int,
        step_ns: int,
        how: str,
        by: Sequence[str] | None = (),
        field: str | None = "value",
    ) -> list[Aggregated]:
        """Draw samples together; see :func:`firstlight.query.aggregate.aggregate`.

        Raises:
            QueryError: no such aggregation, a bad range or a bad matcher.
            StorageError: a segment cannot be read.
        """
        return aggregate(self._reader, matchers, Steps(start_ns, end_ns, step_ns), how, by, field)

    def last(
        self, matchers: Sequence[Matcher] = (), before_ns: int | None = None, field: str | None = "value"
    ) -> list[LastSample]:
        """Return the newest sample of each series; see :func:`firstlight.query.last.last`.

        Raises:
            QueryError: a matcher's value is no regular expression.
            StorageError: a segment cannot be read.
        """
        return last(self._reader, matchers, before_ns, field)

    def count_events(self, start_ns: int, end_ns: int, by: Sequence[str] = ("level",)) -> Mapping[tuple[Any, ...], int]:
        """Return how many events there are of each kind; see :func:`firstlight.query.event_counts.count_events`.

        Raises:
            QueryError: events are not counted by that.
            StorageError: a segment cannot be read.
        """
        return count_events(self._reader, start_ns, end_ns, by)

    def series(self) -> Mapping[int, Series]:
        """Return every series by id."""
        return self._reader.series(self._reader.view()).all()

    def stats(self) -> dict[str, Any]:
        """Return sizes and counts of the lake and what this process did with it."""
        view = self._reader.view()
        series = self._reader.series(view)
        totals = self._reader.catalog.totals()
        keeper, wal = self._keeper, self._wal
        refused = self._admission.refused.copy() if self._admission else Counter()
        return {
            "series": len(series),
            "series_collisions": series.collisions,
            "snapshot": view.snapshot.number,
            "logs": len(view.files),
            "wal_bytes": sum(file.offset for file in view.files.values()),
            "tail_samples": sum(file.samples for file in view.files.values()),
            "segments": sum(table.segments for table in totals.values()),
            "sealed_rows": {name: table.rows for name, table in totals.items()},
            "sealed_bytes": sum(table.bytes for table in totals.values()),
            "appends": wal.frames if wal else 0,
            "appended_bytes": wal.bytes if wal else 0,
            "syncs": wal.syncs if wal else 0,
            "refused_samples": refused_by_reason(refused),
            "refused_metrics": [[metric, reason, count] for (reason, metric), count in refused.most_common(_SHOWN)],
            "seal_runs": keeper.done.runs if keeper else 0,
            "seal_failures": keeper.done.failures if keeper else 0,
            "seal_error": keeper.done.last_error if keeper else "",
            "torn_bytes": keeper.done.torn_bytes if keeper else 0,
            "quarantined": keeper.done.quarantined if keeper else 0,
            "lost_segments": keeper.done.lost_segments if keeper else 0,
            "lost_rows": keeper.done.lost_rows if keeper else 0,
            "retained_rows": keeper.done.retained_rows if keeper else 0,
            "reduced_rows": keeper.done.reduced_rows if keeper else 0,
            "over_bytes": keeper.done.over_bytes if keeper else 0,
            "damaged_segments": len(self._reader.intact),
        }

    def explore(self, top: int = 10) -> "LakeStats":
        """Return what the lake holds and what its series are made of; see :mod:`firstlight.app.lake_stats`."""
        from firstlight.app.lake_stats import measure

        return measure(self._layout.root, top=top)

    def export(self, to: str, wanted: "ExportWanted") -> "ExportReport":
        """Write rows into files; see :func:`firstlight.app.lake_export.export`."""
        from firstlight.app.lake_export import export

        return export(self._layout.root, to, wanted)

    def backup(self, path: str | PathLike[str], *, link: bool = True) -> "BackupReport":
        """Back the lake up into a directory; see :func:`firstlight.app.lake_backup.back_up`."""
        from firstlight.app.lake_backup import back_up

        return back_up(self._layout.root, path, link=link)

    def compact(self) -> list[Merged]:
        """Make every day one segment; see :func:`firstlight.app.upkeep.compact`."""
        return upkeep.compact(self._layout.root)

    def verify(self, *, repair: bool = True) -> Verified:
        """Read every byte and compare; see :func:`firstlight.app.upkeep.verify`."""
        return upkeep.verify(self._layout.root, repair=repair)

    def retain(self, policy: Policy, now_ns: int) -> upkeep.Let:
        """Let go what is too old now; see :func:`firstlight.app.upkeep.retain`."""
        return upkeep.retain(self._layout.root, policy, now_ns)

    def erase(self, selection: Selection, *, dry_run: bool = False, patience: Patience | None = None) -> Erased:
        """Erase rows for good, those in this process's log too; see :func:`firstlight.app.upkeep.erase`."""
        waits = patience or Patience(nudge=self._wal.rotate_if_due if self._wal else bool)
        return upkeep.erase(self._layout.root, selection, dry_run=dry_run, patience=waits)

    def close(self) -> None:
        """Sync the log, stop the upkeep and close; further calls do nothing."""
        if self._keeper is not None:
            self._keeper.stop()
            self._keeper = None
        if self._wal is not None:
            self._wal.close()
            self._wal = None
        self._reader.close()

    def __enter__(self) -> "Lake":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _begin(self, writer: WalWriter, policy: Policy | None) -> None:
        view = self._reader.view()
        dead = (file for (name, _), file in view.files.items() if name != writer.name)
        in_logs = (batch_id for file in dead for batch_id in file.batch_ids if any(batch_id))
        self._recovered = view.snapshot.unanswered.union(in_logs)
        self._newest = newest(self._recovered)
        if policy is not None:
            self._keeper = Keeper(self._layout, writer, policy)
            self._keeper.start()
