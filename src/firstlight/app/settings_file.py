"""A file of settings: TOML, JSON or YAML by the end of its name."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from firstlight.app.layers import Given, Layer, Leaf, Report, from_mapping, refuse
from firstlight.errors import ConfigError


def from_file(path: Path, known: Mapping[str, Leaf], report: Report = refuse) -> Layer:
    """Return the settings in a file.

    Raises:
        ConfigError: it cannot be read, does not parse or has a key that is not a setting (or ``report`` gets it).
    """
    try:
        content = _read(path)
        parsed = _parse(path, content)
    except ConfigError as error:
        report(error)
        return {}

    def placed(error: ConfigError) -> None:
        report(ConfigError(error.path, place(path, error.path, content), error.problem))

    given = from_mapping(parsed, known, str(path), placed)
    return {setting: Given(one.value, one.source, in_file=True) for setting, one in given.items()}


def place(path: Path, setting: str, content: str | None = None) -> str:
    """Return the file's name, and the line where ``setting`` stands in it if that is beyond doubt."""
    try:
        text = _read(path) if content is None else content
    except ConfigError:
        return str(path)
    line = _line_of(setting, text)
    return f"{path}:{line}" if line else str(path)


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        raise ConfigError("config", str(path), "there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("config", str(path), f"cannot be read: {error}") from None


def _parse(path: Path, content: str) -> Mapping[str, Any]:
    try:
        parse: Callable[[str], Any] = _PARSERS.get(path.suffix, _parse_toml)
        parsed = parse(content)
    except ImportError as missing:
        needs = "a YAML file needs PyYAML: pip install 'firstlight[hub]' or pip install pyyaml"
        raise ConfigError("config", str(path), needs) from missing
    except ValueError as error:
        raise ConfigError("config", str(path), f"does not parse: {error}") from None
    if not isinstance(parsed, dict):
        raise ConfigError("config", str(path), "must hold an object at the top")
    return parsed


def _parse_toml(content: str) -> dict[str, Any]:
    import tomllib  # here, so that a recording process without a file does not pay for it

    return tomllib.loads(content)


def _parse_yaml(content: str) -> Any:
    import yaml  # here, because it is an extra and not light

    try:
        return yaml.safe_load(content) or {}
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None


_PARSERS: dict[str, Callable[[str], Any]] = {".json": json.loads, ".yaml": _parse_yaml, ".yml": _parse_yaml}


def _line_of(setting: str, content: str) -> int | None:
    """Return the one line on which the last name of ``setting`` is set, below those before it."""
    *groups, name = setting.split(".")
    start = 0
    for group in groups:
        found = re.compile(rf"(?<![\w-]){re.escape(group)}(?![\w-])").search(content, start)
        if found is None:
            return None
        start = found.end()
    lines = list(_key(name).finditer(content, start))
    return content.count("\n", 0, lines[0].start(1)) + 1 if len(lines) == 1 else None


def _key(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^|[\s{{,.\[])([\"']?{re.escape(name)}[\"']?)\s*(?:[=:\]]|$)", re.MULTILINE)
