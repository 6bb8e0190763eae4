"""Turns this process into another program, under telemetry."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from firstlight.app.autostart import ENABLED_VARIABLE
from firstlight.app.settings import recording
from firstlight.errors import ConfigError, UsageError
from firstlight.store.layout import Layout

BOOTSTRAP = Path(__file__).parent / "bootstrap"
"""Holds the ``sitecustomize`` that starts telemetry."""

CONFIG_VARIABLE = "FIRSTLIGHT_CONFIG"
_PATH_VARIABLE = "PYTHONPATH"
_ENDPOINT_VARIABLE, _DATA_VARIABLE = "FIRSTLIGHT_ENDPOINT", "FIRSTLIGHT_DATA_DIR"
_PYTHON_OPTIONS = frozenset({"-m", "-c"})
_PYTHON_SUFFIXES = frozenset({".py", ".pyw", ".pyz", ".pyc"})


@dataclass(frozen=True, slots=True)
class Telling:
    """What the program's telemetry shall be; what is None stays as the environment has it.

    Attributes:
        enabled: record at all.
        profile: name of a profile.
        config: settings file.
        service: logical name of the program.
        data: directory of a lake.
        endpoint: base URL of a hub or another OTLP/HTTP receiver.
        token: what the hub wants to be shown.
    """

    enabled: bool = True
    profile: str | None = None
    config: Path | None = None
    service: str | None = None
    data: Path | None = None
    endpoint: str | None = None
    token: str | None = None


def launch(program: Sequence[str], telling: Telling) -> NoReturn:
    """Become ``program``: a script, ``-m module``, or any executable; its signals and exit code are its own.

    Raises:
        UsageError: there is no such program, or it cannot be executed.
        ConfigError: the settings file cannot be read, or something in it is wrong.
        StorageError: the data directory cannot be written.
    """
    command = command_line(program)
    environment = surroundings(telling, os.environ)
    if telling.enabled and telling.config is not None:
        # Each process would leave out what is wrong and say so; who names a file wants to hear of it before.
        recording(environ=environment)
    if telling.enabled and telling.data is not None:
        _make_lake(telling.data)
    try:
        os.execve(command[0], command, environment)  # noqa: S606 - to become the program is what was asked for
    except OSError as error:
        raise UsageError(f"{program[0]} cannot be executed: {error.strerror}") from error


def command_line(program: Sequence[str]) -> list[str]:
    """Return ``program`` with the path of what is to be executed in front.

    Raises:
        UsageError: there is no such program.
    """
    first = program[0]
    if first in _PYTHON_OPTIONS or _is_for_python(Path(first)):
        return [sys.executable, *program]
    found = shutil.which(first)
    if found is not None:
        return [found, *program[1:]]
    if Path(first).is_file():
        return [sys.executable, *program]
    raise UsageError(f"there is no program {first!r}; give a script, an executable, or -- -m MODULE")


def surroundings(telling: Telling, environ: Mapping[str, str]) -> dict[str, str]:
    """Return ``environ`` with what tells the program's processes to record, and how.

    Raises:
        ConfigError: the settings file cannot be read.
    """
    found = dict(environ)
    if not telling.enabled:
        return found | {ENABLED_VARIABLE: "false"}
    if telling.data is not None or telling.endpoint is not None:
        # The one that was said counts, not the other one that the environment still has.
        for variable in (_ENDPOINT_VARIABLE, _DATA_VARIABLE):
            found.pop(variable, None)
    said = {
        "FIRSTLIGHT_RECORDING_PROFILE": telling.profile,
        CONFIG_VARIABLE: None if telling.config is None else str(_readable(telling.config)),
        "FIRSTLIGHT_SERVICE": telling.service,
        _DATA_VARIABLE: None if telling.data is None else str(telling.data.absolute()),
        _ENDPOINT_VARIABLE: telling.endpoint,
        "FIRSTLIGHT_TOKEN": telling.token or None,
    }
    found |= {name: value for name, value in said.items() if value is not None}
    others = [place for place in found.get(_PATH_VARIABLE, "").split(os.pathsep) if place and place != str(BOOTSTRAP)]
    return found | {_PATH_VARIABLE: os.pathsep.join([str(BOOTSTRAP), *others])}


def _make_lake(directory: Path) -> None:
    """Make the lake when it is missing, so that it can be read as soon as something is in it."""
    layout = Layout(directory)
    layout.create()
    if layout.catalog.exists():
        return
    try:
        from firstlight.store import lakehouse
    except ModuleNotFoundError:
        # Without the extra there is nothing here to read it with; whoever opens it with one makes the catalog.
        return
    lakehouse.create(layout)


def _is_for_python(path: Path) -> bool:
    if path.is_dir():
        return (path / "__main__.py").is_file()
    return path.suffix in _PYTHON_SUFFIXES and path.is_file()


def _readable(path: Path) -> Path:
    """Return the absolute path, as the program may change its directory."""
    try:
        path.open("rb").close()
    except OSError as error:
        raise ConfigError("config", str(path), f"cannot be read: {error.strerror}") from error
    return path.absolute()
