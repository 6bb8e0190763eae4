"""``firstlight lake export``: rows of a lake into files."""

import time
from typing import TYPE_CHECKING, Any

import click

from firstlight.cli import output
from firstlight.cli.amounts import bytes_text
from firstlight.cli.exits import FINE
from firstlight.cli.lake_directory import directory_of
from firstlight.cli.options import Wanted, shared
from firstlight.cli.progress import bar
from firstlight.errors import UsageError

if TYPE_CHECKING:
    from firstlight.app.exports.wanted import Report
    from firstlight.app.exports.wanted import Wanted as Plan

_FORMATS = ("jsonl", "csv", "parquet", "influx", "prometheus", "openmetrics")
_SIGNALS = ("events", "spans", "metrics")
_STDOUT = "-"


@click.command("export")
@click.argument("target", metavar="[FILE|DIR/|-]", default=_STDOUT)
@click.option(
    "--format", "format_", type=click.Choice(_FORMATS), help="Of the files.  [default: by FILE's name, or jsonl]"
)
@click.option("--signal", "signals", type=click.Choice(_SIGNALS), multiple=True, help="Only these; may be repeated.")
@click.option("--from", "start", metavar="MOMENT", help="Rows of this moment and later.")
@click.option("--to", "end", metavar="MOMENT", help="Rows before this moment.")
@click.option(
    "--match",
    "selectors",
    metavar="SELECTOR",
    multiple=True,
    help="Only metrics of this selector, as in 'name{label=\"x\"}'; may be repeated.",
)
@click.option("--metric", "metrics", metavar="NAME", multiple=True, help="Only this metric; may be repeated.")
@shared("as_json", "data")
def command(wanted: Wanted, target: str, **options: Any) -> int:
    """Export rows, as they are when this begins, into a file, a directory or standard output.

    A file ending in .gz or .zst is packed; it appears when it is whole. JSON Lines and Parquet lose nothing, and
    `firstlight lake import` reads every format back. MOMENT is as in 2026-01-31, 2026-01-31T12:30:00Z, -15m, now.
    --match and --metric ask for metrics only.

    Examples:
      firstlight lake export everything.jsonl.zst --data ./lake
      firstlight lake export march/ --format parquet --from 2026-03-01 --to 2026-04-01
      firstlight lake export --signal events --from -1h | jq .message
      firstlight lake export cpu.om --match 'host_cpu_busy_ratio{cpu="all"}'
    """
    from firstlight.app.lake_export import export

    plan = _plan(target, options)
    if wanted.as_json and target == _STDOUT:
        raise UsageError("--json answers on standard output, where the rows would go; name a file")
    began_s = time.monotonic()
    with bar("rows") as show:
        try:
            report = export(directory_of(wanted), target, plan, show)
        except BrokenPipeError:
            raise output.ReaderGone from None
    seconds = time.monotonic() - began_s
    if wanted.as_json:
        output.write_json({**vars(report), "seconds": round(seconds, 3)})
    else:
        _write(report, target, seconds)
    return FINE


def _plan(target: str, options: dict[str, Any]) -> "Plan":
    from firstlight.app.exports.wanted import EVER_NS
    from firstlight.app.exports.wanted import Wanted as Plan
    from firstlight.app.lake_export import format_of
    from firstlight.app.moments import parse_moment
    from firstlight.model import named
    from firstlight.model.selector import parse_selector

    now_ns = time.time_ns()
    matchers = (*map(parse_selector, options["selectors"]), *(tuple(named(name)) for name in options["metrics"]))
    chosen = options["format_"] or format_of(target) or "jsonl"
    start_ns, end_ns = (
        parse_moment(text, now_ns) if text is not None else ever
        for text, ever in zip((options["start"], options["end"]), EVER_NS, strict=True)
    )
    if start_ns >= end_ns:
        raise UsageError("--from must be before --to")
    return Plan(chosen, _signals(options["signals"], chosen, only_metrics=bool(matchers)), start_ns, end_ns, matchers)


def _signals(given: tuple[str, ...], chosen: str, *, only_metrics: bool) -> Any:
    """Return the kinds of rows that are meant."""
    if only_metrics and set(given) - {"metrics"}:
        raise UsageError("--match and --metric choose metrics; leave --signal out")
    if chosen in ("prometheus", "openmetrics") and set(given) - {"metrics"}:
        raise UsageError(f"{chosen} has metrics only; leave --signal out")
    if only_metrics or chosen in ("prometheus", "openmetrics"):
        return ("metrics",)
    return given or _SIGNALS


def _write(report: "Report", target: str, seconds: float) -> None:
    rows = ", ".join(f"{count:,} {table}" for table, count in report.rows.items() if count) or "no rows"
    text = f"wrote {rows} ({bytes_text(report.bytes)}) in {seconds:.1f} s"
    if target == _STDOUT:
        output.note(text)
    else:
        output.write(f"{text}\n" + "".join(f"  {name}\n" for name in report.files))
    for table, count in report.left_out.items():
        output.note(f"{count:,} {table} have no form in this format and were left out")
