"""Settings in layers: defaults < profile < file < environment < arguments, each value with its source.

Works on any tree of :class:`Group` classes; what the settings are is told in :mod:`firstlight.app.settings`.  What is
said of a setting beside its type stands in its :class:`msgspec.Meta`: ``writeOnly`` in its JSON Schema makes it a
secret, ``extra`` may hold ``variables`` (further environment variables that set it), ``check`` (returns the value as it
is kept, or raises UsageError) and ``live`` (it may be changed while it is in force).
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar, get_args, get_origin

import msgspec

from firstlight.errors import ConfigError, UsageError

ENVIRONMENT_PREFIX = "FIRSTLIGHT_"
MASK = "********"

T = TypeVar("T", bound=msgspec.Struct)

# Kubernetes gives each pod variables for every service of its namespace, so a service called "firstlight" would
# otherwise set hub.port to "tcp://10.0.0.7:4318".
_FROM_KUBERNETES = re.compile(r"_SERVICE_(HOST|PORT)(_|$)|_PORT_\d+_(TCP|UDP|SCTP)")
_KUBERNETES_ADDRESS = re.compile(r"^(tcp|udp|sctp)://")
_USER_IN_URL = re.compile(r"(?<=://)[^/@\s]+(?=@)")

Report = Callable[[ConfigError], None]
"""Told of what is wrong; raises it, or keeps it so that the rest can be used."""


class Group(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings that belong together; its text hides the secrets among them."""

    def __repr__(self) -> str:
        own = {name: getattr(self, name) for name in self.__struct_fields__}
        hidden = {leaf.path for leaf in leaves(type(self)) if leaf.secret}
        shown = ", ".join(f"{name}={shown_value(value, name in hidden)!r}" for name, value in own.items())
        return f"{type(self).__name__}({shown})"


@dataclass(frozen=True, slots=True)
class Leaf:
    """One setting.

    Attributes:
        path: where it is, such as ``hub.port``.
        type: what it may be.
        default: what it is when nobody says.
        description: what it is for.
        secret: whether its value must not be shown.
        live: whether it may be changed while it is in force.
        also: environment variables that set it, beside :attr:`variable`.
        check: returns a value as it is kept; raises UsageError.
    """

    path: str
    type: Any
    default: Any
    description: str
    secret: bool
    live: bool = False
    also: tuple[str, ...] = ()
    check: Callable[[Any], Any] | None = None

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return ENVIRONMENT_PREFIX + self.path.replace(".", "_").upper()

    @property
    def is_map(self) -> bool:
        """Whether it holds values by name, which layers add to."""
        return get_origin(_bare(self.type)) is dict


@dataclass(frozen=True, slots=True)
class Given:
    """A value as one layer has it.

    Attributes:
        value: as it was given; not part of the text of this object, since it may be a secret.
        source: who gave it.
        text: it comes from a variable and still needs its type.
        in_file: the source is a file.
    """

    value: Any = field(repr=False)
    source: str
    text: bool = False
    in_file: bool = False


Layer = dict[str, Given]


def refuse(error: ConfigError) -> None:
    """Raise ``error``: the :data:`Report` of who wants all settings to be right."""
    raise error


def leaves(struct: type[msgspec.Struct], prefix: str = "") -> Iterator[Leaf]:
    """Yield every setting below ``struct`` in the order it is written."""
    for one in msgspec.structs.fields(struct):
        path = f"{prefix}{one.name}"
        if isinstance(one.type, type) and issubclass(one.type, msgspec.Struct):
            yield from leaves(one.type, f"{path}.")
        else:
            yield _leaf(path, one)


def from_mapping(tree: Mapping[str, Any], known: Mapping[str, Leaf], source: str, report: Report = refuse) -> Layer:
    """Return the settings in a mapping, nested or by dotted path.

    Raises:
        ConfigError: a key is not a setting (or it is given to ``report``).
    """
    found = dict(_flatten(tree, known))
    for path in list(found):
        if path not in known:
            del found[path]
            report(_unknown(path, known, source))
    return {path: Given(value, source) for path, value in found.items()}


def from_environment(
    environ: Mapping[str, str], known: Mapping[str, Leaf], also_allowed: Iterable[str] = (), report: Report = refuse
) -> Layer:
    """Return the settings among the ``FIRSTLIGHT_`` variables; ``also_allowed`` ones belong to somebody else.

    A variable that is empty is as if it were not there.

    Raises:
        ConfigError: a variable has the prefix and is none of ours (or it is given to ``report``).
    """
    paths = _paths_by_variable(known)
    given: Layer = {}
    for name, text in environ.items():
        if not name.startswith(ENVIRONMENT_PREFIX) or name in also_allowed or _is_kubernetes(name, text):
            continue
        if name not in paths:
            report(ConfigError(name, "the environment", f"no such variable{_suggest(name, paths)}"))
        elif text.strip():
            given |= {
                path: Given(text, name, text=True) for path in paths[name] if not _own(given.get(path), known, path)
            }
    return given


def from_arguments(arguments: Mapping[str, Any], known: Mapping[str, Leaf], source: str = "argument") -> Layer:
    """Return the arguments that were given (None means not given), by dotted path.

    Raises:
        ConfigError: a path is not a setting.
    """
    return from_mapping({path: value for path, value in arguments.items() if value is not None}, known, source)


def convert(leaf: Leaf, given: Given) -> Any:
    """Return the value with the setting's type.

    Raises:
        ConfigError: it has another type or is out of bounds.
    """
    try:
        value = _split(leaf, given.value) if given.text else given.value
        converted = msgspec.convert(value, leaf.type, strict=not given.text)
        return leaf.check(converted) if leaf.check else converted
    except (msgspec.ValidationError, UsageError, ValueError) as error:
        # What a message says of a secret's content would be read by others.
        problem = "is not what it must be" if leaf.secret and not _is_plain(error) else _lower_first(str(error))
        shown = repr(shown_value(given.value, leaf.secret))
        instead = "" if isinstance(given.value, str) and shown in problem else f", not {shown}"
        raise ConfigError(leaf.path, given.source, f"{problem}{instead}") from None


def build(struct: type[T], values: Mapping[str, Any], prefix: str = "") -> T:
    """Return a ``struct`` tree with ``values`` (by dotted path) in it."""
    content: dict[str, Any] = {}
    for one in msgspec.structs.fields(struct):
        path = f"{prefix}{one.name}"
        content[one.name] = values[path] if path in values else build(one.type, values, f"{path}.")
    return struct(**content)


def shown_value(value: Any, secret: bool) -> Any:
    """Return ``value`` as it may be shown: secrets, and the users and passwords in addresses, are masked."""
    if secret:
        return MASK if value else value
    if isinstance(value, str):
        return _USER_IN_URL.sub(MASK, value)
    if isinstance(value, dict):
        return {key: shown_value(inner, secret) for key, inner in value.items()}
    if isinstance(value, tuple):
        return tuple(shown_value(_plain(inner), secret) for inner in value)
    return value


def _plain(item: Any) -> Any:
    """Return a table of a list as the mapping that a file has there."""
    return msgspec.structs.asdict(item) if isinstance(item, msgspec.Struct) else item


def _leaf(path: str, one: msgspec.structs.FieldInfo) -> Leaf:
    metas = [extra for extra in _extras(one.type) if isinstance(extra, msgspec.Meta)]
    more: dict[str, Any] = {}
    for meta in metas:
        more |= meta.extra or {}
    return Leaf(
        path,
        one.type,
        one.default if one.default is not msgspec.NODEFAULT else one.default_factory(),
        next((meta.description for meta in metas if meta.description), ""),
        any((meta.extra_json_schema or {}).get("writeOnly") for meta in metas),
        bool(more.get("live")),
        tuple(more.get("variables", ())),
        more.get("check"),
    )


def _extras(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()


def _bare(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _paths_by_variable(known: Mapping[str, Leaf]) -> dict[str, list[str]]:
    paths: dict[str, list[str]] = {}
    for leaf in known.values():
        for name in (leaf.variable, *leaf.also):
            paths.setdefault(name, []).append(leaf.path)
    return paths


def _own(given: Given | None, known: Mapping[str, Leaf], path: str) -> bool:
    """Return whether the setting has been given by the variable that has its full name, which wins."""
    return given is not None and given.source == known[path].variable


def _split(leaf: Leaf, text: str) -> Any:
    """Return the text of a variable as a list or a map where the setting is one; objects in a list are JSON."""
    kind = get_origin(_bare(leaf.type))
    if kind is tuple and text.lstrip().startswith("[{"):
        return json.loads(text)
    if kind is tuple:
        return [part.strip() for part in text.split(",") if part.strip()]
    if kind is not dict:
        return text
    if text.lstrip().startswith("{"):
        return json.loads(text)
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    if not all(mark for _, mark, _ in pairs):
        raise ValueError("expected name=value,name=value or a JSON object")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _is_plain(error: Exception) -> bool:
    """Return whether the error's text tells types and bounds only."""
    return isinstance(error, msgspec.ValidationError) and str(error).startswith("Expected")


def _flatten(tree: Mapping[str, Any], known: Mapping[str, Leaf], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping) and path not in known:
            yield from _flatten(value, known, f"{path}.")
        else:
            yield path, value


def _unknown(path: str, known: Mapping[str, Leaf], source: str) -> ConfigError:
    if any(leaf.startswith(f"{path}.") for leaf in known):
        return ConfigError(path, source, "is a group of settings, not a value")
    return ConfigError(path, source, f"no such setting{_suggest(path, known)}")


def _suggest(word: str, among: Iterable[str]) -> str:
    import difflib  # here, because only mistakes need it

    close = difflib.get_close_matches(word, list(among), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else "; see: firstlight config show"


def _is_kubernetes(name: str, text: str) -> bool:
    return bool(_FROM_KUBERNETES.search(name)) or (name.endswith("_PORT") and bool(_KUBERNETES_ADDRESS.match(text)))


def _lower_first(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
