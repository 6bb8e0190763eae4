"""Every setting, and where its value comes from.

Layers, later ones win: the defaults below, a profile, a file (``--config``, or ``firstlight.toml`` in the working
directory), OpenTelemetry's environment variables, our own (``FIRSTLIGHT_HUB_PORT`` sets ``hub.port``), arguments.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from firstlight.app.layers import (
    Group,
    Layer,
    Report,
    build,
    from_arguments,
    from_environment,
    from_mapping,
    leaves,
    refuse,
    shown_value,
)
from firstlight.app.merge import Merged, defaults, merge, profile_layer, without_wrong
from firstlight.app.otel_variables import from_otel
from firstlight.app.recording import RecordingSettings
from firstlight.app.settings_file import from_file
from firstlight.errors import ConfigError
from firstlight.model import parse_selector

DEFAULT_PORT = 4318
DEFAULT_FILE = "firstlight.toml"
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
MIN_TOKEN_LENGTH = 8
_MIB = 2**20

Bytes = Annotated[int, Meta(ge=1024)]
Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0)]


class HubSettings(Group, frozen=True):
    """Where the hub listens and who may speak to it."""

    host: Annotated[str, Meta(min_length=1, description="address to listen on")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="port to listen on; 0 lets the system choose")] = DEFAULT_PORT
    token: Annotated[
        str,
        Meta(
            description=f"secret that every request must carry ({MIN_TOKEN_LENGTH} characters or more); "
            "needed when the hub listens beyond this machine",
            extra_json_schema={"writeOnly": True},
        ),
    ] = ""
    allowed_hosts: Annotated[
        tuple[str, ...], Meta(description="further names a browser may use for a hub on the loopback address")
    ] = ()


class SeriesDays(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long the samples of some series stay."""

    match: Annotated[str, Meta(description='which series: name{label="value"}')]
    days: Annotated[float, Meta(ge=0, description="days they stay; 0 forever")]


def _with_selectors(rules: tuple[SeriesDays, ...]) -> tuple[SeriesDays, ...]:
    for rule in rules:
        parse_selector(rule.match)
    return rules


class RetentionSettings(Group, frozen=True):
    """How long rows stay, in days; 0 is forever."""

    events_days: Annotated[float, Meta(ge=0, description="days that events stay; 0 forever")] = 7.0
    metrics_days: Annotated[
        float, Meta(ge=0, description="days that samples and exponential histograms stay; 0 forever")
    ] = 30.0
    spans_days: Annotated[float, Meta(ge=0, description="days that spans stay; 0 forever")] = 7.0
    findings_days: Annotated[float, Meta(ge=0, description="days that findings stay; 0 forever")] = 365.0
    audit_days: Annotated[float, Meta(ge=0, description="days that the record of actions stays; 0 forever")] = 365.0
    rollup_1m_days: Annotated[float, Meta(ge=0, description="days that sums by the minute stay; 0 forever")] = 180.0
    rollup_1h_days: Annotated[float, Meta(ge=0, description="days that sums by the hour stay; 0 forever")] = 730.0
    series: Annotated[
        tuple[SeriesDays, ...],
        Meta(
            description="other days for the samples of some series, each `match` and `days`; "
            "most matchers win, then most days",
            extra={"check": _with_selectors},
        ),
    ] = ()


class LakeSettings(Group, frozen=True):
    """How the lake keeps what it is given, and for how long."""

    durability: Annotated[
        Literal["always", "interval", "never"],
        Meta(description="when a write is on the disk: before the answer, within a second, or when the system likes"),
    ] = "always"
    disk_budget_bytes: Annotated[
        int, Meta(ge=0, description="size that the data directory keeps to by dropping the oldest days; 0 for any")
    ] = 0
    series_per_metric: Annotated[
        int, Meta(ge=0, description="series that one metric may have; samples of more are refused; 0 for any number")
    ] = 100_000
    series_total: Annotated[int, Meta(ge=0, description="series that all metrics together may have; likewise")] = (
        2_000_000
    )
    retention: RetentionSettings = RetentionSettings()


class HostSettings(Group, frozen=True):
    """Metrics of this machine."""

    enabled: Annotated[bool, Meta(description="measure this machine")] = True
    interval_s: Annotated[float, Meta(ge=0.1, description="seconds between two measurements")] = 1.0


class HealthSettings(Group, frozen=True):
    """How health is judged."""

    interval_s: Annotated[float, Meta(ge=0.5, description="seconds between two assessments")] = 5.0
    packs: Annotated[tuple[str, ...], Meta(description="which packs of indicators: names of built-ins or files")] = (
        "host",
        "firstlight",
        "signals",
    )


class LimitSettings(Group, frozen=True):
    """What one sender, reader or moment may cost."""

    # Decoding a body takes 3 (JSON) to 5 (protobuf) times its inflated size in memory; senders write 1 to 4 MB.
    max_body_bytes: Annotated[Bytes, Meta(description="longest request body as sent")] = 16 * _MIB
    max_inflated_bytes: Annotated[Bytes, Meta(description="longest request body once inflated")] = 16 * _MIB
    max_buffered_bytes: Annotated[Bytes, Meta(description="all request bodies in memory together")] = 48 * _MIB
    body_timeout_s: Annotated[Seconds, Meta(description="seconds a sender may take for its body")] = 30.0
    max_concurrent_ingest: Annotated[Count, Meta(description="deliveries being decoded and stored at once")] = 2
    max_waiting_ingest: Annotated[Count, Meta(description="deliveries waiting for that; more are told to retry")] = 64
    max_concurrent_queries: Annotated[Count, Meta(description="queries that run at once")] = 2
    max_waiting_queries: Annotated[Count, Meta(description="queries waiting for that; more are told to retry")] = 32
    query_time_s: Annotated[Seconds, Meta(description="seconds after which a query is stopped")] = 30.0
    query_samples: Annotated[Count, Meta(description="samples that one PromQL query may touch")] = 10_000_000
    query_memory_bytes: Annotated[Bytes, Meta(description="memory that queries in SQL may use together")] = 64 * _MIB
    query_rows: Annotated[Count, Meta(description="most rows in one answer")] = 100_000
    max_streams: Annotated[Count, Meta(description="live streams at once")] = 32
    max_connections: Annotated[Count, Meta(description="connections at once")] = 512


class Settings(Group, frozen=True):
    """Everything that can be set.  The tree is the file's tree, and ``hub.port`` the path of a value in it."""

    data_dir: Annotated[
        str, Meta(description="directory of the lake; empty for $XDG_DATA_HOME/firstlight (~/.local/share/firstlight)")
    ] = ""
    self_metrics_interval_s: Annotated[
        float, Meta(ge=0.5, description="seconds between two looks of the hub at itself")
    ] = 10.0
    hub: HubSettings = HubSettings()
    lake: LakeSettings = LakeSettings()
    host: HostSettings = HostSettings()
    health: HealthSettings = HealthSettings()
    limits: LimitSettings = LimitSettings()
    recording: RecordingSettings = RecordingSettings()

    @property
    def data_path(self) -> Path:
        """The directory of the lake."""
        return Path(self.data_dir)

    @property
    def is_loopback(self) -> bool:
        """Whether the hub listens to this machine only."""
        return is_loopback(self.hub.host)


class Shown(msgspec.Struct, frozen=True):
    """A setting as it may be shown: secrets are masked."""

    path: str
    value: Any
    source: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """The settings in force.

    Attributes:
        settings: their values.
        sources: where each comes from, by dotted path.
        remarks: what could not be heeded, and why, for people.
    """

    settings: Settings
    sources: Mapping[str, str]
    remarks: tuple[str, ...] = ()

    def shown(self) -> list[Shown]:
        """Return every setting with its source, secrets masked."""
        return [Shown(leaf.path, self._shown_value(leaf.path), self.sources[leaf.path]) for leaf in LEAVES.values()]

    def value(self, path: str) -> Any:
        """Return the value of the setting at the dotted ``path``."""
        value: Any = self.settings
        for name in path.split("."):
            value = getattr(value, name)
        return value

    def _shown_value(self, path: str) -> Any:
        return shown_value(self.value(path), LEAVES[path].secret)


RECORDING = "recording."
JSON_SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"
LEAVES = {leaf.path: leaf for leaf in leaves(Settings)}

CONFIG_VARIABLE = "FIRSTLIGHT_CONFIG"
URL_VARIABLE = "FIRSTLIGHT_URL"
# These name a file and a hub to the commands; they are no settings themselves.
_OTHER_VARIABLES = frozenset({CONFIG_VARIABLE, URL_VARIABLE})

Configuration = str | Path | Mapping[str, Any]
"""A file, or what could stand in one."""


def load(
    arguments: Mapping[str, Any] | None = None,
    config: Configuration | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    directory: str | Path = ".",
) -> Resolved:
    """Return the settings in force.

    Args:
        arguments: by dotted path; None values are as if not given.
        config: a TOML, JSON or YAML file, or its content; without it the file that ``$FIRSTLIGHT_CONFIG`` names, or
            ``firstlight.toml`` of ``directory``.
        environ: the process's environment when None.
        directory: where ``firstlight.toml`` is looked for.

    Raises:
        ConfigError: a value, a key or a file is wrong; it names the path, the source and the way out.
    """
    environment = os.environ if environ is None else environ
    layers, remarks = _layers(arguments or {}, config, environment, Path(directory), refuse)
    merged = merge(defaults(LEAVES), layers, LEAVES)
    _check_pseudonyms(merged, refuse)
    merged.values["data_dir"] = str(_data_dir(merged.values["data_dir"], environment))
    resolved = _resolved(merged, remarks)
    _check_token(resolved)
    return resolved


def recording(
    arguments: Mapping[str, Any] | None = None,
    config: Configuration | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    strict: bool = True,
) -> Resolved:
    """Return the settings in force for a recording process; what is not below ``recording`` keeps its default.

    Args:
        arguments: by dotted path, without ``recording.``; None values are as if not given.
        config: as for :func:`load`.
        environ: the process's environment when None.
        strict: raise what is wrong; otherwise it is left out and stands in the remarks.

    Raises:
        ConfigError: a value, a key or a file is wrong (only when ``strict``).
    """
    environment = os.environ if environ is None else environ
    wrong: list[ConfigError] = []
    report = refuse if strict else wrong.append
    given = {f"{RECORDING}{path}": value for path, value in (arguments or {}).items()}
    layers, remarks = _layers(given, config, environment, Path(), report)
    ours = [{path: one for path, one in layer.items() if path.startswith(RECORDING)} for layer in layers]
    merged = merge(defaults(LEAVES), ours, LEAVES, report)
    _check_pseudonyms(merged, report)
    return _resolved(merged, [*map(str, wrong), *remarks])


def laid_over(resolved: Resolved, layer: Layer) -> Resolved:
    """Return ``resolved`` with ``layer`` over it, without its remarks.

    Raises:
        ConfigError: a value is wrong.
    """
    base = Merged({path: resolved.value(path) for path in LEAVES}, dict(resolved.sources))
    return _resolved(merge(base, [layer], LEAVES), [])


def _layers(
    arguments: Mapping[str, Any],
    config: Configuration | None,
    environ: Mapping[str, str],
    directory: Path,
    report: Report,
) -> tuple[list[Layer], list[str]]:
    """Return all layers but the defaults, lowest first, and remarks."""
    theirs, remarks = from_otel(environ)
    layers = [
        _file_layer(config or environ.get(CONFIG_VARIABLE), directory, report),
        without_wrong(theirs, LEAVES, remarks),
        from_environment(environ, LEAVES, _OTHER_VARIABLES, report),
        from_arguments(arguments, LEAVES),
    ]
    return [profile_layer(layers, LEAVES, report), *layers], remarks


def _resolved(merged: Merged, remarks: list[str]) -> Resolved:
    return Resolved(build(Settings, merged.values), merged.sources, tuple(remarks))


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a settings file."""
    return {"$schema": JSON_SCHEMA_DIALECT, **msgspec.json.schema(Settings)}


def is_loopback(host: str) -> bool:
    """Return whether ``host`` names this machine only."""
    return host.lower() in LOOPBACK_HOSTS or host.startswith("127.")


def default_data_dir(environ: Mapping[str, str] | None = None) -> Path:
    """Return where the lake is when nobody says: one place per user, whatever the working directory."""
    environment = os.environ if environ is None else environ
    shared = environment.get("XDG_DATA_HOME") or Path(environment.get("HOME") or Path.home(), ".local", "share")
    return Path(shared, "firstlight")


def _file_layer(config: Configuration | None, directory: Path, report: Report) -> Layer:
    if isinstance(config, Mapping):
        return from_mapping(config, LEAVES, "config", report)
    if config:
        return from_file(Path(config), LEAVES, report)
    implied = directory / DEFAULT_FILE
    return from_file(implied, LEAVES, report) if implied.is_file() else {}


def _data_dir(given: str, environ: Mapping[str, str]) -> Path:
    return Path(given).expanduser().absolute() if given else default_data_dir(environ).absolute()


def _check_pseudonyms(merged: Merged, report: Report) -> None:
    path = f"{RECORDING}redaction.pseudonyms"
    if merged.values[path] and not merged.values[f"{RECORDING}redaction.pseudonym_key"]:
        merged.values[path] = ()
        report(
            ConfigError(path, merged.sources[path], "needs a secret of its own: set recording.redaction.pseudonym_key")
        )


def _check_token(resolved: Resolved) -> None:
    hub, source = resolved.settings.hub, resolved.sources["hub.token"]
    if hub.token and len(hub.token) < MIN_TOKEN_LENGTH:
        raise ConfigError("hub.token", source, f"must have {MIN_TOKEN_LENGTH} characters or more")
    if not hub.token and not is_loopback(hub.host):
        raise ConfigError(
            "hub.token",
            source,
            f"a hub that listens on {hub.host} needs a token: set FIRSTLIGHT_HUB_TOKEN, or listen on 127.0.0.1",
        )
