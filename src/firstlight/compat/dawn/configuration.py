"""000, "Configuration": its keys and variables as settings of ours."""

import json
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, field

from firstlight.app.layers import Group, convert, from_mapping, leaves
from firstlight.errors import ConfigError

Configuration = Mapping[str, Any] | str | Path
"""What the document calls a custom configuration, or a JSON file of it."""

PREFIX = "DAWN_TELEMETRY_"
VARIABLES = {
    "DAWN_TELEMETRY_ENABLED": "FIRSTLIGHT_ENABLED",
    "DAWN_TELEMETRY_PROFILE": "FIRSTLIGHT_PROFILE",
    "DAWN_TELEMETRY_LEVEL": "FIRSTLIGHT_LEVEL",
    "DAWN_TELEMETRY_DIR": "FIRSTLIGHT_RECORDING_OUTPUT_DIRECTORY",
    "DAWN_TELEMETRY_FORMATS": "FIRSTLIGHT_FORMATS",
}
PATHS = {
    "enabled": "recording.enabled",
    "buffer.max_size": "recording.buffer.max_records",
    "buffer.auto_flush_interval": "recording.buffer.flush_interval_s",
    "filtering.min_level": "recording.level",
    "filtering.subsystem_filters": "recording.subsystems",
    "output.enabled_formats": "recording.output.formats",
    "output.output_directory": "recording.output.directory",
    "output.file_rotation_size_mb": "recording.output.rotate_bytes",
}
FROM_MAPPING = "config"
"""What the settings call the source of a mapping."""
_BYTES_PER_MB = 2**20


class Filter(Group, frozen=True):
    """What is said of one subsystem."""

    enabled: bool = True
    min_level: str = ""


class Buffer(Group, frozen=True):
    """What waits in memory."""

    max_size: int = 10_000
    auto_flush_interval: float = 30.0


class Filtering(Group, frozen=True):
    """What is recorded."""

    min_level: str = "INFO"
    subsystem_filters: dict[str, Filter] = field(default_factory=dict)


class Output(Group, frozen=True):
    """What is written."""

    enabled_formats: list[str] = field(default_factory=list)
    output_directory: str = "runtime/telemetry"
    file_rotation_size_mb: Annotated[float, Meta(ge=0)] = 100


class Dawn(Group, frozen=True):
    """The document's "Custom Configuration"."""

    enabled: bool = True
    buffer: Buffer = Buffer()
    filtering: Filtering = Filtering()
    output: Output = Output()


_LEAVES = {leaf.path: leaf for leaf in leaves(Dawn)}


def settings_of(config: Configuration) -> dict[str, Any]:
    """Return the settings of ours, by dotted path, that the document's ``config`` stands for.

    Raises:
        ConfigError: it cannot be read, has a key that the document does not know or a value of another type.
    """
    given, source = (config, FROM_MAPPING) if isinstance(config, Mapping) else (_read(Path(config)), str(config))
    layer = from_mapping(given, _LEAVES, source)
    values = {path: convert(_LEAVES[path], given) for path, given in layer.items()}
    return {PATHS[path]: _ours(path, value) for path, value in values.items()}


def surroundings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return ``environ`` with our variables for the document's; ours win where both are there.

    Raises:
        ConfigError: there is a variable that the document does not know.
    """
    found = dict(environ)
    for name, text in environ.items():
        if not name.startswith(PREFIX):
            continue
        if name not in VARIABLES:
            raise ConfigError(name, "the environment", f"no such variable; there are {', '.join(VARIABLES)}")
        found.setdefault(VARIABLES[name], text)
    return found


def as_given(error: ConfigError, environ: Container[str], config: Configuration | None) -> ConfigError:
    """Return ``error`` about what was given: a variable of ``environ`` or a key of ``config``."""
    if error.source == FROM_MAPPING:
        keys = {ours: key for key, ours in PATHS.items()}
        source = FROM_MAPPING if config is None or isinstance(config, Mapping) else str(config)
        return ConfigError(keys.get(error.path, error.path), source, error.problem)
    theirs = {ours: name for name, ours in VARIABLES.items() if name in environ and ours not in environ}
    return ConfigError(error.path, theirs.get(error.source, error.source), error.problem)


def _ours(path: str, value: Any) -> Any:
    if path == "filtering.subsystem_filters":
        return {name: {"enabled": one.enabled, "level": one.min_level} for name, one in value.items()}
    return round(value * _BYTES_PER_MB) if path == "output.file_rotation_size_mb" else value


def _read(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError("config", str(path), f"cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError("config", str(path), f"does not parse: {error}") from None
    if not isinstance(found, dict):
        raise ConfigError("config", str(path), "must hold an object at the top")
    return found
