"""Importing files into a lake: what was kept before is not kept twice, what cannot be kept is counted and named.

Each piece of a file is one delivery.  The deliveries of a file are numbered under a name made of the file's content and
of how it is read; the newest number of each name stays in the catalog for good, so an import that broke off, or is
simply repeated, goes on where the lake's knowledge ends.  What comes from standard input has no content to know
beforehand: its pieces are named by their own digests, of which a lake knows those of its unsealed logs only.
"""

import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from os import PathLike
from typing import Protocol

from firstlight.app.imports.blocks import Bad, Piece
from firstlight.app.imports.formats import PEEK_BYTES, format_of, reader_of
from firstlight.app.imports.inputs import DIGEST_BYTES, Input, opened
from firstlight.app.imports.wanted import Format, Wanted
from firstlight.app.lake import Lake
from firstlight.codecs.packed import pack
from firstlight.errors import DecodeError, Overloaded
from firstlight.model import Batch
from firstlight.store.delivery import SENDER_BYTES, numbered

BAD_KEPT = 1000
"""Reasons kept for the report; all are counted."""

PATIENCE_S = 600.0
"""How long sealing may lag behind before an import gives up."""

_PLAN = 1
"""Changes when files are cut in other places."""

Sleep = Callable[[float], None]


class Target(Protocol):
    """The part of a lake that an import needs."""

    def append(self, batches: Sequence[Batch], batch_id: bytes = b"") -> None:
        """Keep all of ``batches`` or none."""

    def was_recovered(self, batch_id: bytes) -> bool:
        """Return whether this delivery is known to be kept."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line, row or message that was not kept."""

    file: str
    line: int
    reason: str


@dataclass
class Report:
    """What an import did, or would do.

    Attributes:
        files: read to their end, or to where they could not be read on.
        bytes: of these, as they lie on the disk.
        events: rows kept.
        spans: likewise.
        samples: likewise.
        exponential: likewise.
        repeated: rows that were kept by an earlier import.
        bad_lines: lines, rows and messages that cannot be kept.
        bad: the first of them.
        oldest_ns: time of the oldest row; None when there is none.
        newest_ns: likewise.
        dry_run: nothing was kept at all.
    """

    files: int = 0
    bytes: int = 0
    events: int = 0
    spans: int = 0
    samples: int = 0
    exponential: int = 0
    repeated: int = 0
    bad_lines: int = 0
    bad: list[BadLine] = field(default_factory=list)
    oldest_ns: int | None = None
    newest_ns: int | None = None
    dry_run: bool = False

    @property
    def rows(self) -> int:
        """Rows kept."""
        return self.events + self.spans + self.samples + self.exponential

    def add(self, batch: Batch) -> None:
        """Count the rows of ``batch``."""
        self.events += batch.count_events()
        self.spans += len(batch.spans)
        self.samples += len(batch.samples)
        self.exponential += len(batch.exponential)
        for times in _times(batch):
            low, high = min(times), max(times)
            self.oldest_ns = low if self.oldest_ns is None else min(self.oldest_ns, low)
            self.newest_ns = high if self.newest_ns is None else max(self.newest_ns, high)

    def refuse(self, source: Input, bad: Bad, rows: int = 1) -> None:
        """Count something that cannot be kept."""
        self.bad_lines += rows
        if len(self.bad) < BAD_KEPT:
            self.bad.append(BadLine(source.name, bad.line, bad.reason))


def _times(batch: Batch) -> list[Sequence[int]]:
    columns: list[Sequence[int]] = [
        batch.samples.times_ns,
        [event.time_ns for event in batch.events],
        [span.start_ns for span in batch.spans],
        [point.time_ns for point in batch.exponential],
    ]
    return [times for times in columns if times]


Progress = Callable[[Input, int, int, Report], None]
"""Hears which input is read, how many bytes of all inputs were taken, how many there are, and the report so far."""


class Importer:
    """Reads inputs into a lake.

    Args:
        lake: where the rows go; None when they are only counted.
        wanted: how to read, and what to do.
        progress: hears of each piece.
        sleep: waits while sealing lags behind.
    """

    def __init__(
        self, lake: Target | None, wanted: Wanted, progress: Progress | None = None, sleep: Sleep = time.sleep
    ) -> None:
        self.report = Report(dry_run=wanted.dry_run)
        self._lake = lake
        self._wanted = wanted
        self._progress = progress
        self._sleep = sleep
        self._done: set[bytes] = set()
        self._total_bytes = 0

    def read_all(self, inputs: Sequence[Input]) -> Report:
        """Read one input after the other; see :meth:`read`."""
        self._total_bytes = sum(source.size_bytes for source in inputs)
        for source in inputs:
            self.read(source)
        return self.report

    def read(self, source: Input) -> None:
        """Read one input to its end; what cannot be read on is a bad line, too.

        Raises:
            DecodeError: something cannot be kept, and ``strict`` is wanted.
            UsageError: it cannot be opened, or what was asked for does not fit it.
            Overloaded: sealing has lagged behind for too long; repeating the import goes on from there.
            StorageError: the lake cannot be written.
            StorageFull: no space.
        """
        with opened(source) as file:
            chosen = self._format(source, file.stream)
            names = _Names(source, self._wanted, chosen)
            try:
                for piece in reader_of(self._wanted, chosen).pieces(file.stream):
                    self._keep(source, piece, names)
                    self._tell(source, file.position_bytes())
            except DecodeError as error:
                if self._wanted.strict:
                    raise
                self.report.refuse(source, Bad(0, f"cannot be read on: {error}"))
        self.report.files += 1
        self.report.bytes += source.size_bytes

    def _tell(self, source: Input, position_bytes: int) -> None:
        if self._progress is not None:
            self._progress(source, self.report.bytes + position_bytes, self._total_bytes, self.report)

    def _format(self, source: Input, stream: io.BufferedReader) -> Format:
        if self._wanted.format != "auto":
            return self._wanted.format
        return format_of(source, stream.peek(PEEK_BYTES)[:PEEK_BYTES])

    def _keep(self, source: Input, piece: Piece, names: "_Names") -> None:
        for bad in piece.bad:
            if self._wanted.strict:
                raise DecodeError(f"{source.name}:{bad.line}: {bad.reason}")
            self.report.refuse(source, bad)
        self.report.bad_lines += piece.bad_rows - len(piece.bad)
        name = names.next(piece)
        rows = sum(map(len, piece.batches))
        if name in self._done or (self._lake is not None and self._lake.was_recovered(name)):
            self.report.repeated += rows
            return
        if rows and self._lake is not None:
            self._append(self._lake, piece.batches, name)
        self._done.add(name)
        for batch in piece.batches:
            self.report.add(batch)

    def _append(self, lake: Target, batches: Sequence[Batch], name: bytes) -> None:
        waited_s = 0.0
        while True:
            try:
                lake.append(batches, name)
                return
            except Overloaded as error:
                if waited_s >= PATIENCE_S:
                    raise
                self._sleep(error.retry_after_s)
                waited_s += error.retry_after_s


class _Names:
    """Names the deliveries of one input."""

    def __init__(self, source: Input, wanted: Wanted, chosen: Format) -> None:
        reading = (chosen, wanted.default_time_ns, wanted.precision, wanted.signal, wanted.mapping)
        self._plan = repr((_PLAN, *reading, time.time_ns() if wanted.again else 0)).encode()
        content = source.digest()
        self._sender = blake2b(content + self._plan, digest_size=SENDER_BYTES).digest() if content else b""
        self._next = 0

    def next(self, piece: Piece) -> bytes:
        """Return the name of the next piece."""
        self._next += 1
        return numbered(self._sender, self._next) if self._sender else self._digest(piece)

    def _digest(self, piece: Piece) -> bytes:
        hasher = blake2b(self._plan, digest_size=DIGEST_BYTES)
        for batch in piece.batches:
            hasher.update(pack(batch))
        return hasher.digest()


def import_into(
    directory: str | PathLike[str], inputs: Sequence[Input], wanted: Wanted, progress: Progress | None = None
) -> Report:
    """Read ``inputs`` into the lake in ``directory``, which is made when it is missing; see :class:`Importer`."""
    if wanted.dry_run:
        return Importer(None, wanted, progress).read_all(inputs)
    with Lake.open(directory) as lake:
        return Importer(lake, wanted, progress).read_all(inputs)
