"""Every setting, and where its value comes from.

Layers, later ones win: the defaults below, a file (``--config``, or ``firstlight.toml`` in the working directory),
environment variables (``FIRSTLIGHT_HUB_PORT`` sets ``hub.port``), arguments.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from firstlight.app.layers import MASK, build, convert, from_arguments, from_environment, from_file, leaves
from firstlight.errors import ConfigError

DEFAULT_PORT = 4318
DEFAULT_FILE = "firstlight.toml"
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
MIN_TOKEN_LENGTH = 8
_MIB = 2**20

Bytes = Annotated[int, Meta(ge=1024)]
Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0)]


class HubSettings(msgspec.Struct, frozen=True, kw_only=True):
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


class LakeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the lake keeps what it is given."""

    durability: Annotated[
        Literal["always", "interval", "never"],
        Meta(description="when a write is on the disk: before the answer, within a second, or when the system likes"),
    ] = "always"


class HostSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Metrics of this machine."""

    enabled: Annotated[bool, Meta(description="measure this machine")] = True
    interval_s: Annotated[float, Meta(ge=0.1, description="seconds between two measurements")] = 1.0


class HealthSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How health is judged."""

    interval_s: Annotated[float, Meta(ge=0.5, description="seconds between two assessments")] = 5.0
    packs: Annotated[tuple[str, ...], Meta(description="which packs of indicators: names of built-ins or files")] = (
        "host",
        "firstlight",
        "signals",
    )


class LimitSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What one sender, reader or moment may cost.

    While a body is decoded, memory grows by 3 (JSON) to 5 (protobuf) times its inflated size; senders write 1 to 4 MB.
    """

    max_body_bytes: Annotated[Bytes, Meta(description="longest request body as sent")] = 16 * _MIB
    max_inflated_bytes: Annotated[Bytes, Meta(description="longest request body once inflated")] = 16 * _MIB
    max_buffered_bytes: Annotated[Bytes, Meta(description="all request bodies in memory together")] = 48 * _MIB
    body_timeout_s: Annotated[Seconds, Meta(description="seconds a sender may take for its body")] = 30.0
    max_concurrent_ingest: Annotated[Count, Meta(description="deliveries being decoded and stored at once")] = 2
    max_waiting_ingest: Annotated[Count, Meta(description="deliveries waiting for that; more are told to retry")] = 64
    max_concurrent_queries: Annotated[Count, Meta(description="queries that run at once")] = 2
    max_waiting_queries: Annotated[Count, Meta(description="queries waiting for that; more are told to retry")] = 32
    query_time_s: Annotated[Seconds, Meta(description="seconds after which a query is stopped")] = 30.0
    query_memory_bytes: Annotated[Bytes, Meta(description="memory that queries may use together")] = 64 * _MIB
    query_rows: Annotated[Count, Meta(description="most rows in one answer")] = 100_000
    max_streams: Annotated[Count, Meta(description="live streams at once")] = 32
    max_connections: Annotated[Count, Meta(description="connections at once")] = 512


class Settings(msgspec.Struct, frozen=True, kw_only=True):
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
    """The settings in force and the source of each, by dotted path."""

    settings: Settings
    sources: Mapping[str, str]

    def shown(self) -> list[Shown]:
        """Return every setting with its source, secrets masked."""
        return [Shown(leaf.path, self._shown_value(leaf.path), self.sources[leaf.path]) for leaf in LEAVES.values()]

    def _shown_value(self, path: str) -> Any:
        value: Any = self.settings
        for name in path.split("."):
            value = getattr(value, name)
        return MASK if LEAVES[path].secret and value else value


LEAVES = {leaf.path: leaf for leaf in leaves(Settings)}

CONFIG_VARIABLE = "FIRSTLIGHT_CONFIG"
# These belong to a recording process or to the commands, not to the hub.
_OTHER_VARIABLES = frozenset(
    {
        CONFIG_VARIABLE,
        "FIRSTLIGHT_ENDPOINT",
        "FIRSTLIGHT_LEVEL",
        "FIRSTLIGHT_SERVICE",
        "FIRSTLIGHT_TOKEN",
        "FIRSTLIGHT_URL",
    }
)


def load(
    arguments: Mapping[str, Any] | None = None,
    config_file: str | Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    directory: str | Path = ".",
) -> Resolved:
    """Return the settings in force.

    Args:
        arguments: by dotted path; None values are as if not given.
        config_file: a TOML or JSON file; without it ``$FIRSTLIGHT_CONFIG`` or ``firstlight.toml`` of ``directory``.
        environ: the process's environment when None.
        directory: where ``firstlight.toml`` is looked for.

    Raises:
        ConfigError: a value, a key or a file is wrong; it names the path, the source and the way out.
    """
    environment = os.environ if environ is None else environ
    layers = [
        _file_layer(config_file or environment.get(CONFIG_VARIABLE), Path(directory)),
        from_environment(environment, LEAVES, _OTHER_VARIABLES),
        from_arguments(arguments or {}, LEAVES),
    ]
    values = {path: leaf.default for path, leaf in LEAVES.items()}
    sources = dict.fromkeys(LEAVES, "default")
    for layer in layers:
        for path, given in layer.items():
            values[path] = convert(LEAVES[path], given)
            sources[path] = given.source
    values["data_dir"] = str(_data_dir(values["data_dir"], environment))
    resolved = Resolved(build(Settings, values), sources)
    _check_token(resolved)
    return resolved


@dataclass(frozen=True, slots=True)
class RecordingSettings:
    """What a recording process goes by; None where nobody said.

    Attributes:
        service: logical name of the process.
        endpoint: base URL of an OTLP/HTTP receiver, such as ``http://127.0.0.1:4318``.
        data: directory of a lake to write to.
        level: least level that is kept, such as ``info``.
    """

    service: str | None = None
    endpoint: str | None = None
    data: str | None = None
    level: str | None = None


# In order of precedence; OTEL_ ones are the OpenTelemetry specification's names for the same.
_RECORDING_VARIABLES = {
    "service": ("FIRSTLIGHT_SERVICE", "OTEL_SERVICE_NAME"),
    "endpoint": ("FIRSTLIGHT_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
    "data": ("FIRSTLIGHT_DATA_DIR",),
    "level": ("FIRSTLIGHT_LEVEL",),
}


def recording(
    service: str | None = None,
    endpoint: str | None = None,
    data: str | os.PathLike[str] | None = None,
    level: str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
) -> RecordingSettings:
    """Return what a recording process goes by: arguments first, then the environment."""
    environment = os.environ if environ is None else environ
    given = {"service": service, "endpoint": endpoint, "data": None if data is None else str(data), "level": level}
    return RecordingSettings(**{name: _first(value, name, environment) for name, value in given.items()})


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a settings file."""
    return msgspec.json.schema(Settings)


def is_loopback(host: str) -> bool:
    """Return whether ``host`` names this machine only."""
    return host.lower() in LOOPBACK_HOSTS or host.startswith("127.")


def default_data_dir(environ: Mapping[str, str] | None = None) -> Path:
    """Return where the lake is when nobody says: one place per user, whatever the working directory."""
    environment = os.environ if environ is None else environ
    shared = environment.get("XDG_DATA_HOME") or Path(environment.get("HOME") or Path.home(), ".local", "share")
    return Path(shared, "firstlight")


def _file_layer(named: str | Path | None, directory: Path) -> dict[str, Any]:
    if named:
        return dict(from_file(Path(named), LEAVES))
    implied = directory / DEFAULT_FILE
    return dict(from_file(implied, LEAVES)) if implied.is_file() else {}


def _first(argument: str | None, name: str, environ: Mapping[str, str]) -> str | None:
    if argument is not None:
        return argument
    return next((environ[variable] for variable in _RECORDING_VARIABLES[name] if environ.get(variable)), None)


def _data_dir(given: str, environ: Mapping[str, str]) -> Path:
    return Path(given).expanduser().absolute() if given else default_data_dir(environ).absolute()


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
