"""What an import was asked for."""

from dataclasses import dataclass, field
from typing import Literal

from firstlight.codecs.influx import Precision

Format = Literal["auto", "jsonl", "csv", "parquet", "prometheus", "openmetrics", "influx", "otlp"]
FORMATS: tuple[Format, ...] = ("auto", "jsonl", "csv", "parquet", "prometheus", "openmetrics", "influx", "otlp")
Signal = Literal["auto", "logs", "metrics", "traces"]
TimeUnit = Literal["auto", "s", "ms", "us", "ns"]


@dataclass(frozen=True, slots=True)
class Mapping:
    """Which column of a table says what; for CSV and Parquet files that are not ours.

    Attributes:
        time: column with the time; empty looks for one with a usual name.
        time_unit: of times that are numbers; ``auto`` tells by their size.
        values: columns with numbers, each a metric; empty when the rows are events.
        name: column with the metric's or event's name, or the name itself when there is no such column.
        labels: columns that become labels, of events attributes; empty takes all that say nothing else.
        message: column with an event's sentence; makes the rows events.
        level: column with an event's level.
        service: the sender of all rows.
        kind: of the metrics.
    """

    time: str = ""
    time_unit: TimeUnit = "auto"
    values: tuple[str, ...] = ()
    name: str = ""
    labels: tuple[str, ...] = ()
    message: str = ""
    level: str = ""
    service: str = ""
    kind: str = "unknown"


@dataclass(frozen=True, slots=True)
class Wanted:
    """How files shall be read, and what shall be done with their rows.

    Attributes:
        format: of the files; ``auto`` tells by name and content.
        default_time_ns: of rows without a time; None refuses those.
        received_ns: now; stands in for times that OTLP senders left out.
        precision: unit of the times of line protocol.
        signal: what a binary OTLP file holds; ``auto`` tells by its content.
        mapping: of tables that are not ours.
        strict: the first thing that cannot be kept ends the import.
        dry_run: count only.
        again: keep rows also when they were imported before.
    """

    format: Format = "auto"
    default_time_ns: int | None = None
    received_ns: int = 0
    precision: Precision = "ns"
    signal: Signal = "auto"
    mapping: Mapping = field(default_factory=Mapping)
    strict: bool = False
    dry_run: bool = False
    again: bool = False
