"""Queries for people who wait: in a thread, within limits, stopped when nobody waits any more."""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from firstlight.app.gate import Gate
from firstlight.app.self_metrics import SelfMetrics
from firstlight.ports import Rows

T = TypeVar("T")
Params = Sequence[Any] | Mapping[str, Any] | None


class CancellableSql(Protocol):
    """SQL that another thread can stop."""

    def __call__(
        self, query: str, params: Params = None, *, limit: int | None = None, cancel: threading.Event | None = None
    ) -> Rows:
        """Run one statement; see :meth:`firstlight.ports.SignalReader.sql`."""


@dataclass(frozen=True, slots=True)
class Runner:
    """What a reading call may use: SQL that ends when the caller has gone.

    Attributes:
        cancel: set when the caller has gone.
    """

    _sql: CancellableSql
    cancel: threading.Event

    def sql(self, query: str, params: Params = None, *, limit: int | None = None) -> Rows:
        """Run one statement; see :meth:`firstlight.ports.SignalReader.sql`."""
        return self._sql(query, params, limit=limit, cancel=self.cancel)


class Queries:
    """Runs readings over the lake.

    Args:
        sql: the lake's SQL.
        gate: its threads.
        metrics: where the time goes.
    """

    def __init__(self, sql: CancellableSql, gate: Gate, metrics: SelfMetrics) -> None:
        self._sql = sql
        self._gate = gate
        self._metrics = metrics

    async def run(self, reading: Callable[[Runner], T]) -> T:
        """Return what ``reading`` returns; when the caller is cancelled its statement is stopped.

        Raises:
            QueryError: the statement is wrong or takes too long.
            Overloaded: too many wait already.
        """
        cancel = threading.Event()
        try:
            return await self._gate.run(self._timed, reading, Runner(self._sql, cancel))
        except asyncio.CancelledError:
            cancel.set()
            raise

    def _timed(self, reading: Callable[[Runner], T], runner: Runner) -> T:
        began_s = time.perf_counter()
        try:
            return reading(runner)
        finally:
            self._metrics.query_seconds.observe(time.perf_counter() - began_s)
