"""Settings in layers: defaults < file < environment < arguments, each value with its source.

Works on any tree of :class:`msgspec.Struct` classes; what the settings are is told in :mod:`firstlight.app.settings`.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin

import msgspec

from firstlight.errors import ConfigError

ENVIRONMENT_PREFIX = "FIRSTLIGHT_"
MASK = "********"

T = TypeVar("T", bound=msgspec.Struct)

# Kubernetes gives each pod variables for every service of its namespace, so a service called "firstlight" would
# otherwise set hub.port to "tcp://10.0.0.7:4318".
_FROM_KUBERNETES = re.compile(r"_SERVICE_(HOST|PORT)(_|$)|_PORT_\d+_(TCP|UDP|SCTP)")
_KUBERNETES_ADDRESS = re.compile(r"^(tcp|udp|sctp)://")


@dataclass(frozen=True, slots=True)
class Leaf:
    """One setting: where it is, what it may be, and whether its value must not be shown."""

    path: str
    type: Any
    default: Any
    description: str
    secret: bool

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return ENVIRONMENT_PREFIX + self.path.replace(".", "_").upper()


@dataclass(frozen=True, slots=True)
class Given:
    """A value as one layer has it; ``text`` values (environment) still need their type."""

    value: Any
    source: str
    text: bool = False


def leaves(struct: type[msgspec.Struct], prefix: str = "") -> Iterator[Leaf]:
    """Yield every setting below ``struct`` in the order it is written."""
    for field in msgspec.structs.fields(struct):
        path = f"{prefix}{field.name}"
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from leaves(field.type, f"{path}.")
        else:
            metas = _metas(field.type)
            description = next((meta.description for meta in metas if meta.description), "")
            secret = any((meta.extra_json_schema or {}).get("writeOnly") for meta in metas)
            yield Leaf(path, field.type, field.default, description, secret)


def from_file(path: Path, known: Mapping[str, Leaf]) -> dict[str, Given]:
    """Return the settings in a TOML or JSON file.

    Raises:
        ConfigError: it cannot be read, does not parse or has a key that is not a setting.
    """
    found = dict(_flatten(_parse(path), known))
    _refuse_unknown(found, known, str(path))
    return {key: Given(value, str(path)) for key, value in found.items()}


def from_environment(
    environ: Mapping[str, str], known: Mapping[str, Leaf], also_allowed: Iterable[str] = ()
) -> dict[str, Given]:
    """Return the settings among the ``FIRSTLIGHT_`` variables; ``also_allowed`` ones belong to somebody else.

    Raises:
        ConfigError: a variable has the prefix and is none of ours.
    """
    by_variable = {leaf.variable: leaf.path for leaf in known.values()}
    given: dict[str, Given] = {}
    for name, text in environ.items():
        if not name.startswith(ENVIRONMENT_PREFIX) or name in also_allowed or _is_kubernetes(name, text):
            continue
        if name not in by_variable:
            raise ConfigError(name, "the environment", f"no such variable{_suggest(name, by_variable)}")
        given[by_variable[name]] = Given(text, name, text=True)
    return given


def from_arguments(arguments: Mapping[str, Any], known: Mapping[str, Leaf]) -> dict[str, Given]:
    """Return the arguments that were given (None means not given), by dotted path.

    Raises:
        ConfigError: a path is not a setting.
    """
    given = {path: Given(value, "argument") for path, value in arguments.items() if value is not None}
    _refuse_unknown(given, known, "argument")
    return given


def convert(leaf: Leaf, given: Given) -> Any:
    """Return the value with the setting's type.

    Raises:
        ConfigError: it has another type or is out of bounds.
    """
    value = given.value
    if given.text and _is_list(leaf.type):
        value = [part.strip() for part in value.split(",") if part.strip()]
    try:
        return msgspec.convert(value, leaf.type, strict=not given.text)
    except msgspec.ValidationError as error:
        shown = MASK if leaf.secret else repr(given.value)
        raise ConfigError(leaf.path, given.source, f"{_lower_first(str(error))}, not {shown}") from None


def build(struct: type[T], values: Mapping[str, Any], prefix: str = "") -> T:
    """Return a ``struct`` tree with ``values`` (by dotted path) in it."""
    content: dict[str, Any] = {}
    for field in msgspec.structs.fields(struct):
        path = f"{prefix}{field.name}"
        if path in values:
            content[field.name] = values[path]
        else:
            content[field.name] = build(field.type, values, f"{path}.")
    return struct(**content)


def _metas(annotation: Any) -> list[msgspec.Meta]:
    extras = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    return [extra for extra in extras if isinstance(extra, msgspec.Meta)]


def _is_list(annotation: Any) -> bool:
    inner = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    return get_origin(inner) is tuple


def _parse(path: Path) -> dict[str, Any]:
    try:
        content = path.read_bytes().decode()
    except FileNotFoundError:
        raise ConfigError("config", str(path), "there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("config", str(path), f"cannot be read: {error}") from None
    try:
        parsed = json.loads(content) if path.suffix == ".json" else _parse_toml(content)
    except ValueError as error:
        raise ConfigError("config", str(path), f"does not parse: {error}") from None
    if not isinstance(parsed, dict):
        raise ConfigError("config", str(path), "must hold an object at the top")
    return parsed


def _parse_toml(content: str) -> dict[str, Any]:
    import tomllib  # here, so that a recording process without a file does not pay for it

    return tomllib.loads(content)


def _flatten(tree: Mapping[str, Any], known: Mapping[str, Leaf], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict) and path not in known:
            yield from _flatten(value, known, f"{path}.")
        else:
            yield path, value


def _refuse_unknown(paths: Iterable[str], known: Mapping[str, Leaf], source: str) -> None:
    for path in paths:
        if path not in known and not any(leaf.startswith(f"{path}.") for leaf in known):
            raise ConfigError(path, source, f"no such setting{_suggest(path, known)}")
        if path not in known:
            raise ConfigError(path, source, "is a group of settings, not a value")


def _suggest(word: str, among: Iterable[str]) -> str:
    import difflib  # here, because only mistakes need it

    close = difflib.get_close_matches(word, list(among), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else "; see: firstlight config show"


def _is_kubernetes(name: str, text: str) -> bool:
    return bool(_FROM_KUBERNETES.search(name)) or (name.endswith("_PORT") and bool(_KUBERNETES_ADDRESS.match(text)))


def _lower_first(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
