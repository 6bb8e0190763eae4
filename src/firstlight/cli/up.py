"""``firstlight up``: start a hub."""

from importlib import import_module
from typing import Annotated, Any

import typer

from firstlight.cli.config import ConfigFile
from firstlight.cli.exits import FINE
from firstlight.cli.options import Wanted, shared
from firstlight.errors import PluginError, UsageError


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("up")(up)


@shared("as_json", "data")
def up(
    wanted: Wanted,
    host: Annotated[str | None, typer.Option("--host", help="Listen on this address.  [default: 127.0.0.1]")] = None,
    port: Annotated[
        int | None, typer.Option("--port", help="Listen on this port; 0 lets the system choose.  [default: 4318]")
    ] = None,
    host_metrics: Annotated[
        bool | None,
        typer.Option("--host-metrics/--no-host-metrics", help="Measure this machine.  [default: yes]", show_default=False),
    ] = None,
    config: ConfigFile = None,
) -> int:
    """Start a hub: it receives OTLP, keeps it in the data directory and serves the page, the API and /metrics.

    Runs until Ctrl-C or SIGTERM. Settings come from the file, the environment and these options, later ones winning.

    \b
    Examples:
      firstlight up
      firstlight up --port 4319 --data ./lake --no-host-metrics
      FIRSTLIGHT_HUB_TOKEN=a-long-secret firstlight up --host 0.0.0.0
    """
    if wanted.url is not None:
        raise UsageError("up starts a hub, it does not ask one; use --host and --port")
    from firstlight.app.settings import load

    arguments = {
        "hub.host": host,
        "hub.port": port,
        "host.enabled": host_metrics,
        "data_dir": None if wanted.data is None else str(wanted.data),
    }
    resolved = load(arguments, config)
    _serve(resolved)
    return FINE


def _serve(resolved: Any) -> None:
    """Hand over to the hub, which is reached by name because the two faces know nothing of each other."""
    try:
        serve = import_module("firstlight.hub.server").serve
    except ModuleNotFoundError as error:
        raise PluginError(f"the hub needs {error.name}, which is not installed; try: pip install \"firstlight[hub]\"") from error
    serve(resolved)
