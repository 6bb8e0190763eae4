"""Lays layers over each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firstlight.app.layers import Given, Layer, Leaf, Report, convert, refuse
from firstlight.app.profiles import PROFILES
from firstlight.app.settings_file import place
from firstlight.errors import ConfigError

_PROFILE = "recording.profile"
# Naming one of them in a higher layer means to go there, and no longer where a lower layer said.
_DESTINATIONS = {"recording.endpoint": "recording.data", "recording.data": "recording.endpoint"}


@dataclass(frozen=True, slots=True)
class Merged:
    """The value of every setting, and where it comes from, by dotted path."""

    values: dict[str, Any]
    sources: dict[str, str]


def defaults(known: Mapping[str, Leaf]) -> Merged:
    """Return what holds when nobody says anything."""
    return Merged({path: leaf.default for path, leaf in known.items()}, dict.fromkeys(known, "default"))


def merge(base: Merged, layers: Sequence[Layer], known: Mapping[str, Leaf], report: Report = refuse) -> Merged:
    """Return what ``layers``, lowest first, make of ``base``; maps are added to, name by name.

    Raises:
        ConfigError: a value is wrong (or it is given to ``report``, and the lower layer's stays).
    """
    merged = Merged(dict(base.values), dict(base.sources))
    for layer in layers:
        right = _converted(layer, known, report)
        for path, value in right.items():
            _lay(merged, known[path], value, layer[path].source)
            other = _DESTINATIONS.get(path)
            if other is not None and value and other not in right:
                merged.values[other], merged.sources[other] = known[other].default, layer[path].source
    return merged


def profile_layer(layers: Sequence[Layer], known: Mapping[str, Leaf], report: Report = refuse) -> Layer:
    """Return what the profile says that the highest of ``layers`` names.

    Raises:
        ConfigError: there is no such profile (or it is given to ``report``).
    """
    naming = [layer[_PROFILE] for layer in layers if _PROFILE in layer]
    if not naming:
        return {}
    try:
        name = convert(known[_PROFILE], naming[-1])
    except ConfigError as error:
        report(error)
        return {}
    values = PROFILES.get(name, {})
    return {f"recording.{path}": Given(value, f"profile {name}") for path, value in values.items()}


def without_wrong(layer: Layer, known: Mapping[str, Leaf], remarks: list[str]) -> Layer:
    """Return ``layer`` without wrong values; each gets its remark."""
    right = _converted(layer, known, lambda error: remarks.append(f"{error.source} is ignored: {error.problem}"))
    return {path: layer[path] for path in right}


def _converted(layer: Layer, known: Mapping[str, Leaf], report: Report) -> dict[str, Any]:
    right: dict[str, Any] = {}
    for path, given in layer.items():
        try:
            right[path] = convert(known[path], given)
        except ConfigError as error:
            report(ConfigError(path, _place(given, path), error.problem))
    return right


def _place(given: Given, path: str) -> str:
    """Return the source of a wrong value, with the line where that is a file."""
    return place(Path(given.source), path) if given.in_file else given.source


def _lay(merged: Merged, leaf: Leaf, value: Any, source: str) -> None:
    before = merged.values[leaf.path]
    if leaf.is_map and before:
        earlier = merged.sources[leaf.path]
        source = earlier if source in earlier.split(", ") else f"{earlier}, {source}"
        value = {**before, **value}
    merged.values[leaf.path] = value
    merged.sources[leaf.path] = source
