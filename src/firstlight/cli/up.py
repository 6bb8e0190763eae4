"""``firstlight up``: start a hub."""

from importlib import import_module
from typing import TYPE_CHECKING

import click

from firstlight.cli.config import with_config_file
from firstlight.cli.options import Wanted, shared
from firstlight.errors import UsageError

if TYPE_CHECKING:
    from firstlight.app.settings import Resolved


@click.command("up")
@click.option("--host", metavar="ADDRESS", help="Listen on this address.  [default: 127.0.0.1]")
@click.option("--port", type=int, help="Listen on this port; 0 lets the system choose.  [default: 4318]")
@click.option("--host-metrics/--no-host-metrics", default=None, help="Measure this machine.  [default: yes]")
@with_config_file
@shared("as_json", "data")
def command(wanted: Wanted, host: str | None, port: int | None, host_metrics: bool | None, config: str | None) -> int:
    """Start a hub: it receives OTLP, keeps it in the data directory and serves the page, the API and /metrics.

    Runs until Ctrl-C or SIGTERM. Settings come from the file, the environment and these options, later ones winning.

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
    return _serve(resolved)


def _serve(resolved: "Resolved") -> int:
    """Hand over to the hub, which is reached by name because the two faces know nothing of each other."""
    code: int = import_module("firstlight.hub.server").serve(resolved)
    return code
