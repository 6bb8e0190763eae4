"""``firstlight lake stats``: what a lake holds."""

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from firstlight.cli import output
from firstlight.cli.amounts import bytes_text
from firstlight.cli.exits import FINE
from firstlight.cli.lake_directory import directory_of
from firstlight.cli.options import Wanted, shared

if TYPE_CHECKING:
    from firstlight.app.lake_stats import LakeStats

Rows = list[tuple[str, ...]]

_DAYS_SHOWN = 14
_CHANGES_SHOWN = 5
_BARS = " ▁▂▃▄▅▆▇█"
_WIDEST = 60


@click.command("stats")
@click.option("--top", type=click.IntRange(min=1), default=10, show_default=True, help="Name so many of each.")
@shared("as_json", "data")
def command(wanted: Wanted, top: int) -> int:
    """Show what a lake holds: sizes, growth, which labels make its series, what comes in, what upkeep did.

    Examples:
      firstlight lake stats --data ./lake
      firstlight lake stats --top 50 --json | jq '.cardinality.labels'
    """
    from firstlight.app.lake_stats import measure

    stats = measure(directory_of(wanted), top=top)
    if wanted.as_json:
        output.write_json(asdict(stats))
    else:
        output.write(_text(stats))
    return FINE


def _text(stats: "LakeStats") -> str:
    cardinality = stats.cardinality
    head = (
        f"{output.one_line(stats.directory)}: {bytes_text(stats.bytes)} at rest, of it the catalog "
        f"{bytes_text(stats.catalog_bytes)} and {stats.logs:,} logs {bytes_text(stats.log_bytes)}\n"
        f"{cardinality.series:,} series of {cardinality.metric_count:,} metrics, {cardinality.label_count:,} labels\n"
    )
    return head + "".join(
        [
            _table(("table", "rows", "in logs", "segments", "size", "bytes/row", "oldest", "newest"), _tables(stats)),
            _table(("metric", "series"), [(m.name, f"{m.series:,}") for m in cardinality.metrics]),
            _table(
                ("label", "values", "series"), [(v.label, f"{v.values:,}", f"{v.series:,}") for v in cardinality.labels]
            ),
            _table(("label", "value", "series"), [(v.label, v.value, f"{v.series:,}") for v in cardinality.values]),
            _table(("day", "samples", "events", "spans", "segments", "size"), _days(stats)),
            _rate(stats),
            _upkeep(stats),
        ]
    )


def _tables(stats: "LakeStats") -> Rows:
    return [
        (
            name,
            f"{size.rows:,}",
            f"{size.tail_rows:,}",
            f"{size.segments:,}",
            bytes_text(size.bytes + size.index_bytes),
            "" if size.bytes_per_row is None else f"{size.bytes_per_row:.2f}",
            _moment(size.oldest_us),
            _moment(size.newest_us),
        )
        for name, size in stats.tables.items()
    ]


def _moment(time_us: int | None) -> str:
    from firstlight.app.shown import iso

    return "" if time_us is None else f"{iso(time_us * 1000)[:19]}Z"


def _days(stats: "LakeStats") -> Rows:
    shown = [
        (
            day.day,
            *(f"{day.rows.get(name, 0):,}" for name in ("samples", "events", "spans")),
            f"{day.segments:,}",
            bytes_text(day.bytes),
        )
        for day in stats.days[-_DAYS_SHOWN:]
    ]
    older = len(stats.days) - len(shown)
    return [(f"{older:,} older", "", "", "", "", ""), *shown] if older else shown


def _rate(stats: "LakeStats") -> str:
    lines = ["\nrows of the last hour, by minute" + (" (estimated)" if stats.rate.estimated else "") + "\n"]
    for name, counts in stats.rate.minutes.items():
        most = max(counts)
        bars = "".join(_BARS[-(-count * (len(_BARS) - 1) // most)] if most else _BARS[0] for count in counts)
        rate = stats.rate.last_hour[name] / 3600
        lines.append(f"  {name:<8}{bars}  {stats.rate.last_hour[name]:,}, {rate:,.1f} a second\n")
    return "".join(lines)


def _upkeep(stats: "LakeStats") -> str:
    upkeep = stats.upkeep
    text = (
        f"\ndays of tables in one segment: {upkeep.days_in_one_segment:,}, in several: {upkeep.days_in_many:,}; "
        f"{upkeep.replaced_segments:,} replaced segments ({bytes_text(upkeep.replaced_bytes)}) wait to be removed\n"
    )
    changes = [
        (str(c.snapshot), c.time[:19], c.what, f"+{c.added}", f"-{c.removed}") for c in upkeep.changes[:_CHANGES_SHOWN]
    ]
    return text + _table(("snapshot", "time", "change", "added", "removed"), changes)


def _table(names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> str:
    """Return columns aligned: the first one left, numbers right; nothing when there are no rows."""
    if not rows:
        return ""
    room = max(shutil.get_terminal_size().columns, _WIDEST)
    cells = [names, *([output.one_line(cell)[: room // 2] for cell in row] for row in rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(names))]
    lines = ["  ".join(_aligned(row[at], widths[at], at) for at in range(len(names))).rstrip() for row in cells]
    return "\n" + "\n".join(lines) + "\n"


def _aligned(cell: str, width: int, column: int) -> str:
    is_number = cell[:1].isdigit() and column > 0
    return f"{cell:>{width}}" if is_number or (column > 0 and cell[:1] in "+-") else f"{cell:<{width}}"
