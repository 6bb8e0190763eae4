"""002's configuration: the keys of its "Integration Example", and those that Firstlight adds."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, TypeVar

from msgspec import Meta

from firstlight.app.layers import Group, build, convert, from_mapping, leaves
from firstlight.store.wal import Durability

FROM = "config"
"""What an error calls the source of a value."""

G = TypeVar("G", bound=Group)
_Positive = Annotated[float, Meta(gt=0)]


class LoggerConfig(Group, frozen=True):
    """Where the component says what is wrong.

    Attributes:
        log_path: JSON Lines.
        enable_console: write the lines to standard error, too.
        rotate_bytes: a file that would grow beyond this is renamed first.
        keep_files: renamed files that are kept.
    """

    log_path: str = "runtime/logs/telemetry_logs.jsonl"
    enable_console: bool = False
    rotate_bytes: Annotated[int, Meta(ge=1024)] = 10 * 2**20
    keep_files: Annotated[int, Meta(ge=1)] = 3


class StorageConfig(Group, frozen=True):
    """Where everything is kept.

    Attributes:
        backend: ``timeseries_db`` and ``lake`` are the lake in the directory ``connection_string``; ``temporary`` is
            one in a private directory that goes when the object is closed.
        connection_string: the directory.
        durability: ``always``: a call returns when its record is on the disk; ``interval``: at most a second of records
            can be lost when the machine dies, none when only the program does; ``never``.
        budget_bytes: what the lake may use: beyond it the oldest days go, and ``storage_usage_percentage`` is measured
            against it; 0 means the whole disk.
    """

    backend: Literal["timeseries_db", "lake", "temporary"] = "timeseries_db"
    connection_string: Annotated[str, Meta(min_length=1)] = "runtime/data/telemetry_store"
    durability: Durability = "always"
    budget_bytes: Annotated[int, Meta(ge=0)] = 0


class EventsKept(Group, frozen=True):
    """How long events are kept."""

    duration_days: _Positive = 7


class MetricsKept(Group, frozen=True):
    """How long metrics are kept."""

    duration_days: _Positive = 30


class RetentionPolicy(Group, frozen=True):
    """How long things are kept."""

    events: EventsKept = EventsKept()
    metrics: MetricsKept = MetricsKept()


class LoopDetection(Group, frozen=True):
    """When the same event is one too many; see :class:`~firstlight.detect.repetition.Repetition`."""

    max_repeats: Annotated[int, Meta(ge=1)] = 1000
    window_s: _Positive = 10.0


class BridgeConfig(Group, frozen=True):
    """The whole configuration."""

    logger_config: LoggerConfig = LoggerConfig()
    storage_config: StorageConfig = StorageConfig()
    retention_policy: RetentionPolicy = RetentionPolicy()
    loop_detection: LoopDetection = LoopDetection()


_GROUPS = {leaf.path[:at] for leaf in leaves(BridgeConfig) for at, sign in enumerate(leaf.path) if sign == "."}


def configuration(kind: type[G], given: Mapping[str, Any] | None) -> G:
    """Return a ``kind`` with what is ``given``, the rest as it is usual.

    Raises:
        ConfigError: a key is unknown or a value is wrong; it names the key.
    """
    known = {leaf.path: leaf for leaf in leaves(kind)}
    values = {path: leaf.default for path, leaf in known.items()}
    for path, one in from_mapping(dict(_leaves_of(given or {})), known, FROM).items():
        values[path] = convert(known[path], one)
    return build(kind, values)


def _leaves_of(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what is given by dotted path, empty groups of an unknown name, too."""
    for key, value in tree.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping) and (value or path in _GROUPS):
            yield from _leaves_of(value, f"{path}.")
        else:
            # Something must stand for an empty group, or nobody sees that it is unknown.
            yield path, None if isinstance(value, Mapping) else value
