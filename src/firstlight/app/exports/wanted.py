"""What an export was asked for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from firstlight.model import Matcher

Format = Literal["jsonl", "csv", "parquet", "influx", "prometheus", "openmetrics"]
FORMATS: tuple[Format, ...] = ("jsonl", "csv", "parquet", "influx", "prometheus", "openmetrics")
Signal = Literal["events", "spans", "metrics"]
SIGNALS: tuple[Signal, ...] = ("events", "spans", "metrics")
EVER_NS = -(2**63), 2**63 - 1


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows, and in which form.

    Attributes:
        format: of the files.
        signals: which kinds of rows.
        start_ns: first moment.
        end_ns: the moment after the last.
        matchers: of metrics; each list is one choice, and a series of any of them is wanted; none for all.
    """

    format: Format
    signals: tuple[Signal, ...] = SIGNALS
    start_ns: int = EVER_NS[0]
    end_ns: int = EVER_NS[1]
    matchers: tuple[tuple[Matcher, ...], ...] = ()


@dataclass
class Report:
    """What an export wrote.

    Attributes:
        rows: by table (``events``, ``spans``, ``samples``, ``exponential``).
        left_out: rows that the format cannot have, by table.
        files: names of what was written.
        bytes: size of it, before it was packed.
    """

    rows: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    bytes: int = 0

    def wrote(self, table: str, rows: int, of: int) -> None:
        """Count ``rows`` that were written of ``of``."""
        self.rows[table] = self.rows.get(table, 0) + rows
        if of > rows:
            self.left_out[table] = self.left_out.get(table, 0) + of - rows


Progress = Callable[[str, int, int], None]
"""Hears which table is read, and how many rows of how many."""
