"""``firstlight config``: the settings in force, and whether a file of them is right."""

import json
from typing import TYPE_CHECKING, Any

import click

from firstlight.cli import output
from firstlight.cli.exits import BAD_ANSWER, FINE
from firstlight.cli.options import Wanted, shared
from firstlight.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from firstlight.cli.wire import Setting

with_config_file = click.option(
    "--config", metavar="FILE", help="A TOML, JSON or YAML file of settings instead of the usual one."
)


@click.group("config")
def command() -> None:
    """Show the settings in force, check a file of them, or describe all of them."""


@command.command("show")
@with_config_file
@shared()
def show(wanted: Wanted, config: str | None) -> int:
    """Show every setting, its value and where that comes from; secrets are masked.

    Without --url these are the settings that `firstlight up` would start with here, and those below `recording` the
    ones that a program would record by here; with it, those of that hub.

    Examples:
      firstlight config show
      firstlight config show --url http://127.0.0.1:4318
    """
    if wanted.url is not None and config is not None:
        raise UsageError("--url asks a hub for its settings and --config a file; give one of them")
    settings, remarks = (_of_hub(wanted), ()) if wanted.url is not None else _of_this_place(wanted, config)
    for remark in remarks:
        output.note(remark)
    if wanted.as_json:
        from msgspec import to_builtins

        output.write_json({"settings": [to_builtins(setting) for setting in settings]})
        return FINE
    width = max((len(setting.path) for setting in settings), default=0)
    for setting in settings:
        output.write(f"{setting.path:<{width}}  {_text(setting.value)}  ({output.one_line(setting.source)})\n")
    return FINE


@command.command("schema")
@shared("as_json")
def schema(wanted: Wanted) -> int:  # noqa: ARG001 - the answer is JSON in any case
    """Print the JSON Schema of a settings file, for editors and other tools.

    Examples:
      firstlight config schema > settings.schema.json
    """
    from firstlight.app.settings import json_schema

    output.write_json(json_schema())
    return FINE


@command.command("check")
@click.argument("file")
@shared("as_json")
def check(wanted: Wanted, file: str) -> int:
    """Check a file of settings without starting anything.

    Ends with 1 when a setting in it is wrong, and with 2 when it cannot be read.

    Examples:
      firstlight config check firstlight.toml
    """
    from firstlight.app.settings import load

    try:
        load(config=file, environ={})
    except ConfigError as error:
        if error.path == "config" and "does not parse" not in error.problem:
            raise
        _write_verdict(wanted, file, error)
        return BAD_ANSWER
    _write_verdict(wanted, file, None)
    return FINE


def _write_verdict(wanted: Wanted, file: str, error: ConfigError | None) -> None:
    if wanted.as_json:
        problems = [] if error is None else [{"path": error.path, "source": error.source, "problem": error.problem}]
        output.write_json({"file": file, "valid": error is None, "problems": problems})
    elif error is None:
        output.write(f"{output.one_line(file)} is valid\n")
    else:
        output.note(str(error))


def _of_this_place(wanted: Wanted, config: str | None) -> "tuple[list[Setting], tuple[str, ...]]":
    from firstlight.app.settings import load
    from firstlight.cli.wire import Setting

    resolved = load({"data_dir": None if wanted.data is None else str(wanted.data)}, config)
    return [Setting(one.path, one.value, one.source) for one in resolved.shown()], resolved.remarks


def _of_hub(wanted: Wanted) -> "list[Setting]":
    from firstlight.app.hub_client import HubClient, parse_address
    from firstlight.cli.wire import Configuration, read

    address = parse_address(wanted.url or "")
    answer = HubClient(address, wanted.timeout_s, wanted.token).get("/api/config")
    return read(answer, Configuration, f"the hub at {address}").settings


def _text(value: Any) -> str:
    return output.one_line(json.dumps(value, ensure_ascii=False))
