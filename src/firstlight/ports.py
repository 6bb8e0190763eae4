"""Every extension point on one page.

An implementation is one file and one line in :mod:`firstlight.plugins`; the contract suite of its port then runs over
it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from firstlight.model import Batch, Series

Clock = Callable[[], int]
"""Returns nanoseconds since the epoch; passed in wherever time matters so that history can be replayed."""

Sink = Callable[[Sequence[Batch]], None]
"""Takes batches over; when it returns they are kept as the store's policy says.  Raises as ``SignalStore.append``."""


@runtime_checkable
class Exporter(Protocol):
    """Takes batches out of the recording process.  Called from one thread at a time, never from the host's own."""

    def export(self, batch: Batch) -> None:
        """Deliver ``batch``; when it returns the batch is the receiver's.

        Raises:
            Unavailable: try the same batch again later.
            FirstlightError: this batch can never be delivered.
        """

    def close(self) -> None:
        """Deliver what is held back and free everything; further calls of ``close`` do nothing."""


@runtime_checkable
class Receiver(Protocol):
    """Brings signals in by itself (a poller, a listener)."""

    def start(self, sink: Sink) -> None:
        """Begin; hand each batch to ``sink``."""

    def stop(self) -> None:
        """End and wait for the last batch; further calls do nothing."""


class Rows(Protocol):
    """The answer to a query: equally long rows of plain Python values, with the columns' names and SQL types."""

    @property
    def columns(self) -> Sequence[str]:
        """Names."""

    @property
    def types(self) -> Sequence[str]:
        """SQL types."""

    @property
    def rows(self) -> Sequence[tuple[Any, ...]]:
        """Values, a tuple a row."""

    @property
    def truncated(self) -> bool:
        """Whether there was more than the limit."""

    @property
    def warnings(self) -> Sequence[str]:
        """What is missing in the answer, for people: segments that are damaged."""


class SignalStore(Protocol):
    """Keeps signals."""

    def append(self, batches: Sequence[Batch], batch_id: bytes = b"") -> None:
        """Store all of ``batches`` or none of them; when it returns they are durable as the policy says.

        Args:
            batches: what to keep.
            batch_id: up to 16 bytes that name this delivery; a repeated delivery whose first copy was found in
                the log after a crash is then known (``was_recovered``) and need not be stored again.

        Raises:
            StorageFull: nothing of it was kept; worth a retry.
            StorageError: nothing of it was kept.
        """

    def was_recovered(self, batch_id: bytes) -> bool:
        """Return whether this delivery was found in the log of a process that died before it could answer."""


class SignalReader(Protocol):
    """Answers questions about what is kept, rows of the last moment included."""

    def sql(
        self, query: str, params: Sequence[Any] | Mapping[str, Any] | None = None, *, limit: int | None = None
    ) -> Rows:
        """Run one read-only SQL statement over ``metrics``, ``events``, ``spans``, ``series`` and their like.

        Raises:
            QueryError: the statement is wrong or may not run.
        """

    def window(
        self, name: str, start_ns: int, end_ns: int, labels: Mapping[str, str] | None = None, field: str = "value"
    ) -> list[tuple[Series, list[int], list[float]]]:
        """Return ``(series, times_ns, values)`` for each series of metric ``name`` whose labels include ``labels``.

        Times ascend and lie in ``[start_ns, end_ns)``.
        """

    def series(self) -> Mapping[int, Series]:
        """Return every series known to the reader, by id."""
