"""``firstlight run``: put a program under telemetry."""

from pathlib import Path

import click

from firstlight.cli import output
from firstlight.cli.options import Wanted, shared
from firstlight.errors import UsageError

PROFILES = ("development", "production", "debug", "minimal", "high_performance")


@click.command("run", context_settings={"allow_interspersed_args": False})
@click.argument("program", nargs=-1, type=click.UNPROCESSED, required=True, metavar="-- PROGRAM [ARGUMENTS]...")
@click.option(
    "--telemetry-profile", type=click.Choice(PROFILES), metavar="PROFILE", help=f"One of: {', '.join(PROFILES)}."
)
@click.option("--telemetry-config", type=click.Path(path_type=Path), metavar="FILE", help="Settings of the recording.")
@click.option("--disable-telemetry", is_flag=True, help="Run the program as if Firstlight were not there.")
@click.option("--service", metavar="NAME", help="Record under this name.")
@click.option("--endpoint", metavar="URL", help="Send to this hub or OTLP/HTTP receiver, not to the usual hub.")
@shared("as_json", "data")
def command(  # noqa: PLR0913, PLR0917 - each is an option
    wanted: Wanted,
    program: tuple[str, ...],
    telemetry_profile: str | None,
    telemetry_config: Path | None,
    disable_telemetry: bool,
    service: str | None,
    endpoint: str | None,
) -> int:
    """Run any program; all its Python processes record requests, log lines, faults and metrics without a change.

    PROGRAM is a Python script, an executable such as gunicorn, or -m and a module. The command becomes the program, so
    its signals, its output and its exit code are its own. Records go to the usual hub, to --endpoint, or straight into
    the data directory of --data.

    Examples:
      firstlight run -- gunicorn --workers 4 shop:app
      firstlight run --data ./lake --service nightly -- python job.py --all
      firstlight run --telemetry-profile production -- -m shop.worker
    """
    if wanted.url is not None:
        raise UsageError("run sends records, it does not ask a hub; use --endpoint")
    if wanted.data is not None and endpoint is not None:
        raise UsageError("--data and --endpoint name two places; give one of them")
    from firstlight.app.launch import Telling, launch

    output.flush()
    launch(
        program,
        Telling(
            enabled=not disable_telemetry,
            profile=telemetry_profile,
            config=telemetry_config,
            service=service,
            data=wanted.data,
            endpoint=endpoint,
            token=wanted.token,
        ),
    )
