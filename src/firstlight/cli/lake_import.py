"""``firstlight lake import``: files into a lake."""

import time
from typing import TYPE_CHECKING, Any

import click

from firstlight.cli import output
from firstlight.cli.exits import BAD_ANSWER, FINE
from firstlight.cli.lake_directory import directory_of
from firstlight.cli.options import Wanted, shared
from firstlight.cli.progress import Bar, bar
from firstlight.errors import UsageError

if TYPE_CHECKING:
    from firstlight.app.imports import wanted as imports
    from firstlight.app.imports.inputs import Input
    from firstlight.app.lake_import import Progress, Report

_FORMATS = ("auto", "jsonl", "csv", "parquet", "prometheus", "openmetrics", "influx", "otlp")
_KINDS = ("unknown", "counter", "gauge")
_BAD_SHOWN = 20


@click.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--format", "format_", type=click.Choice(_FORMATS), default="auto", show_default=True, help="Of the files."
)
@click.option("--time", metavar="WHAT", help="Column with the time; or the moment of rows that have no time.")
@click.option(
    "--time-unit",
    type=click.Choice(["auto", "s", "ms", "us", "ns"]),
    default="auto",
    show_default=True,
    help="Of times that are numbers.",
)
@click.option("--name", metavar="WHAT", default="", help="Column with the metric's or event's name, or the name.")
@click.option("--value", "values", metavar="COLUMN", multiple=True, help="Column with numbers; may be repeated.")
@click.option(
    "--label", "labels", metavar="COLUMN", multiple=True, help="Column that becomes a label; may be repeated."
)
@click.option("--message", metavar="COLUMN", default="", help="Column with an event's sentence; rows are events then.")
@click.option("--level", metavar="COLUMN", default="", help="Column with an event's level.")
@click.option("--service", metavar="NAME", default="", help="Sender of the rows of such a table.")
@click.option("--kind", type=click.Choice(_KINDS), default="unknown", show_default=True, help="Of its metrics.")
@click.option(
    "--precision",
    type=click.Choice(["ns", "us", "ms", "s"]),
    default="ns",
    show_default=True,
    help="Unit of the times of line protocol.",
)
@click.option(
    "--signal",
    type=click.Choice(["auto", "logs", "metrics", "traces"]),
    default="auto",
    show_default=True,
    help="What a binary OTLP file holds.",
)
@click.option("--strict", is_flag=True, help="Stop at the first thing that cannot be kept.")
@click.option("--dry-run", is_flag=True, help="Count, keep nothing.")
@click.option("--again", is_flag=True, help="Keep the rows also when these files were imported before.")
@shared("as_json", "data")
def command(wanted: Wanted, files: tuple[str, ...], **options: Any) -> int:
    """Import files: JSON Lines, CSV, Parquet, Prometheus text, OpenMetrics, InfluxDB line protocol, OTLP.

    FILE may be a directory, or - for standard input; .gz and .zst are read as they are. A line that cannot be kept is
    counted and named, and the import goes on; it ends with 1 then. Repeating an import keeps nothing twice.

    Examples:
      firstlight lake import telemetry/ --data ./lake
      firstlight lake import otel-logs.jsonl.gz
      firstlight lake import power.csv --time when --value watts --label rack --name rack_power
      curl -s localhost:9100/metrics | firstlight lake import - --format prometheus --time now
    """
    from firstlight.app.imports.inputs import find
    from firstlight.app.lake_import import import_into

    plan, inputs = _plan(options), find(files)
    began_s = time.monotonic()
    with bar("bytes") as show:
        report = import_into(directory_of(wanted, must_exist=False), inputs, plan, _shown_by(show))
    seconds = time.monotonic() - began_s
    if wanted.as_json:
        output.write_json(_as_json(report, seconds))
    else:
        _write(report, seconds)
    return BAD_ANSWER if report.bad_lines else FINE


def _plan(options: dict[str, Any]) -> "imports.Wanted":
    from firstlight.app.imports.wanted import Mapping
    from firstlight.app.imports.wanted import Wanted as Plan

    now_ns = time.time_ns()
    column, moment_ns = _column_or_moment(options["time"] or "", now_ns)
    mapping = Mapping(
        time=column,
        time_unit=options["time_unit"],
        values=options["values"],
        labels=options["labels"],
        **{name: options[name] for name in ("name", "message", "level", "service", "kind")},
    )
    return Plan(
        format=options["format_"],
        default_time_ns=moment_ns,
        received_ns=now_ns,
        mapping=mapping,
        **{name: options[name] for name in ("precision", "signal", "strict", "dry_run", "again")},
    )


def _column_or_moment(text: str, now_ns: int) -> tuple[str, int | None]:
    from firstlight.app.moments import parse_moment

    try:
        return "", parse_moment(text, now_ns)
    except UsageError:
        return text, None


def _shown_by(show: Bar) -> "Progress":
    began_s = time.monotonic()

    def progress(source: "Input", done_bytes: int, total_bytes: int, report: "Report") -> None:
        rate = report.rows / max(time.monotonic() - began_s, 1e-3)
        show(source.name, done_bytes, total_bytes, f"{report.rows:,} rows, {rate:,.0f}/s")

    return progress


def _as_json(report: "Report", seconds: float) -> dict[str, Any]:
    bad = [{"file": bad.file, "line": bad.line, "reason": bad.reason} for bad in report.bad]
    return {**vars(report), "bad": bad, "rows": report.rows, "seconds": round(seconds, 3)}


def _write(report: "Report", seconds: float) -> None:
    from firstlight.app.shown import iso

    for bad in report.bad[:_BAD_SHOWN]:
        output.note(f"{bad.file}:{bad.line}: {bad.reason}")
    if report.bad_lines > _BAD_SHOWN:
        output.note(f"and {report.bad_lines - min(_BAD_SHOWN, len(report.bad)):,} more; --json names up to 1,000")
    kinds = {"events": report.events, "spans": report.spans, "samples": report.samples}
    kinds["exponential histograms"] = report.exponential
    counted = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items() if count) or "no rows"
    rate = f" in {seconds:.1f} s ({report.rows / max(seconds, 1e-3):,.0f} rows/s)"
    files = f"{report.files:,} file{'' if report.files == 1 else 's'}"
    output.write(f"{'would keep' if report.dry_run else 'kept'} {counted} of {files}{rate}\n")
    if report.oldest_ns is not None and report.newest_ns is not None:
        output.write(f"from {iso(report.oldest_ns)} to {iso(report.newest_ns)}\n")
    if report.repeated:
        output.write(f"{report.repeated:,} rows were kept by an earlier import; --again keeps them once more\n")
    if report.bad_lines:
        output.write(f"{report.bad_lines:,} could not be kept\n")
