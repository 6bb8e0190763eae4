"""The settings of a recording process: the tree below ``recording``.

A *live* one may be changed while the process records (:mod:`firstlight.app.live_settings`).
"""

import re
from typing import Annotated, Any, Literal

from msgspec import Meta, field

from firstlight.app.layers import Group
from firstlight.errors import UsageError
from firstlight.model import Level, parse_level
from firstlight.sdk.delivery import Limits
from firstlight.sdk.volume import Volume, WhenFull

DEFAULT_ENDPOINT = "http://127.0.0.1:4318"
DEFAULT_DIRECTORY = "runtime/telemetry"
OFF_NAME = "off"
LEVEL_NAMES = (*(level.name.lower() for level in Level), OFF_NAME)
Format = Literal["json", "csv", "prometheus", "influxdb", "parquet", "otlp", "lake"]
Signal = Literal["events", "spans", "metrics"]
SignalName = Literal["traces", "metrics", "logs"]
Sync = Literal["close", "always", "never"]
ProfileName = Literal["", "development", "production", "debug", "minimal", "high_performance"]

_MIB = 2**20
_LIMITS = Limits()
_VOLUME = Volume()


def level_name(text: str) -> str:
    """Return the name of the level ``text`` as it is kept here, or ``off``.

    Raises:
        UsageError: there is no such level.
    """
    if text.strip().lower() == OFF_NAME:
        return OFF_NAME
    try:
        return parse_level(text).name.lower()
    except UsageError:
        raise UsageError(f"there is {', '.join(LEVEL_NAMES)}, not {text!r}") from None


def _endpoint(text: str) -> str:
    from urllib.parse import urlsplit  # here, because only some name an endpoint, and it is not light

    try:
        url = urlsplit(text)
        if not text or (url.scheme in {"http", "https"} and url.hostname and url.port != 0):
            return text
    except ValueError:
        pass
    raise UsageError(f"must be an address such as {DEFAULT_ENDPOINT}")


def _levels(given: dict[str, str]) -> dict[str, str]:
    return {scope: level_name(text) for scope, text in given.items()}


def _endpoints(given: dict[str, str]) -> dict[str, str]:
    return {signal: _endpoint(text) for signal, text in given.items()}


def _patterns(given: dict[str, str]) -> dict[str, str]:
    for kind, pattern in given.items():
        try:
            re.compile(pattern)
        except re.error as error:
            raise UsageError(f"pattern {kind!r} is no regular expression: {error}") from None
    return given


def _subsystems(given: "dict[str, Subsystem]") -> "dict[str, Subsystem]":
    for one in given.values():
        level_name(one.level or OFF_NAME)
    return given


def _live(description: str, **more: Any) -> Meta:
    return Meta(description=description, extra_json_schema={"live": True}, extra={"live": True, **more})


def _secret(description: str, **more: Any) -> Meta:
    return Meta(description=description, extra_json_schema={"writeOnly": True}, extra=more)


_LEVEL_SCHEMA = {"live": True, "enum": [*LEVEL_NAMES, *(name.upper() for name in LEVEL_NAMES)]}
Ratio = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=1)]
WholeNotNegative = Annotated[int, Meta(ge=0)]


class Subsystem(Group, frozen=True):
    """What is said of one subsystem, or of one component as ``subsystem.component``."""

    enabled: Annotated[bool, Meta(description="record it")] = True
    level: Annotated[str, Meta(description="least level that is kept; empty for that of the whole process")] = ""
    sample_ratio: Annotated[Ratio, Meta(description="share of its events below warning level that is kept")] = 1.0


class OtlpSettings(Group, frozen=True):
    """How an OTLP/HTTP receiver is spoken to."""

    protocol: Annotated[Literal["json", "protobuf"], Meta(description="form of what is sent: json, protobuf")] = (
        "protobuf"
    )
    token: Annotated[
        str, _secret("sent as `Authorization: Bearer`, which a hub wants", variables=("FIRSTLIGHT_TOKEN",))
    ] = ""
    headers: Annotated[dict[str, str], _secret("sent with every request")] = field(default_factory=dict)
    timeout_s: Annotated[Positive, Meta(description="seconds for connecting and for each answer")] = 10.0
    compression: Annotated[Literal["gzip", "none"], Meta(description="of what is sent: gzip, none")] = "gzip"
    certificate_file: Annotated[str, Meta(description="authorities trusted to sign the receiver's certificate")] = ""
    client_certificate_file: Annotated[str, Meta(description="certificate that this process shows")] = ""
    client_key_file: Annotated[str, Meta(description="private key of that certificate")] = ""
    insecure: Annotated[bool, Meta(description="trust whatever certificate the receiver shows")] = False
    endpoints: Annotated[
        dict[SignalName, str],
        Meta(description="whole URL for one signal, where it is not the usual one", extra={"check": _endpoints}),
    ] = field(default_factory=dict)
    signal_headers: Annotated[
        dict[SignalName, dict[str, str]], _secret("sent with the requests of one signal, besides `headers`")
    ] = field(default_factory=dict)


class BufferSettings(Group, frozen=True):
    """What waits in memory."""

    max_records: Annotated[Count, _live("records that may wait to be taken over before `when_full` applies")] = (
        _LIMITS.high_water
    )
    when_full: Annotated[
        WhenFull,
        _live("what gives way: most records (`sample`; a few are kept), the oldest (`drop_oldest`), the host (`wait`)"),
    ] = _VOLUME.when_full
    queue_rows: Annotated[Count, Meta(description="rows that may wait for delivery before the oldest are dropped")] = (
        _LIMITS.queue_rows
    )
    flush_interval_s: Annotated[NotNegative, _live("seconds that a row waits for company before it is delivered")] = (
        _LIMITS.linger_s
    )


class OutputSettings(Group, frozen=True):
    """Files that are written."""

    formats: Annotated[
        tuple[Format, ...],
        Meta(
            description="what is written below `directory`: json, csv, prometheus, influxdb, parquet; "
            "and otlp and lake, which add the receiver and the lake",
            extra={"variables": ("FIRSTLIGHT_FORMATS",)},
        ),
    ] = ()
    directory: Annotated[str, Meta(min_length=1, description="holds one directory for each format")] = DEFAULT_DIRECTORY
    rotate_bytes: Annotated[WholeNotNegative, Meta(description="length at which a file is ended; 0 for never")] = (
        100 * _MIB
    )
    rotate_interval_s: Annotated[NotNegative, Meta(description="age at which a file is ended; 0 for never")] = 0.0
    compression: Annotated[
        Literal["none", "gzip", "zstd"], Meta(description="of files that are ended: none, gzip, zstd")
    ] = "none"
    keep_files: Annotated[WholeNotNegative, Meta(description="ended files that are kept; 0 for all")] = 0
    keep_s: Annotated[NotNegative, Meta(description="age at which an ended file is deleted; 0 for never")] = 0.0
    sync: Annotated[
        Sync,
        Meta(description="when a file is forced to the disk: close (as it is ended), always (each write), never"),
    ] = "close"
    events_metric: Annotated[
        str, Meta(description="counter that Prometheus is given of the events, by place and level; empty for none")
    ] = ""
    duration_metric: Annotated[
        str, Meta(description="gauge that Prometheus is given of each operation's last milliseconds; empty for none")
    ] = ""


class MetricSettings(Group, frozen=True):
    """Reports of the instruments."""

    interval_s: Annotated[Positive, _live("seconds between two reports of all instruments")] = _LIMITS.report_interval_s
    max_lines: Annotated[Count, Meta(description="lines of one metric before further labels share one")] = _LIMITS.lines
    exemplars: Annotated[
        bool,
        Meta(description="keep an exemplar of what is counted or measured inside a span, where nothing else is said"),
    ] = False


class SamplingSettings(Group, frozen=True):
    """Which share is kept."""

    trace_ratio: Annotated[Ratio, _live("share of the traces that is kept")] = _VOLUME.trace_ratio
    keep_failed_traces: Annotated[bool, _live("keep a trace in which a span failed all the same")] = (
        _VOLUME.keep_failed_traces
    )
    event_ratios: Annotated[
        dict[str, Ratio], _live("share of the events that is kept, by `scope` or `scope:event name`")
    ] = field(default_factory=dict)


class VolumeSettings(Group, frozen=True):
    """Bounds of what recording may cost; 0 is no bound."""

    site_rate_per_s: Annotated[NotNegative, _live("events a second of one name in one scope")] = _VOLUME.site_rate_per_s
    overhead_ratio: Annotated[Ratio, _live("share of one core's time that recording may take")] = _VOLUME.overhead_ratio
    busy_load_ratio: Annotated[NotNegative, _live("the machine's load average over its cores")] = (
        _VOLUME.busy_load_ratio
    )


class SpoolSettings(Group, frozen=True):
    """What is kept on disk while the receiver is away."""

    directory: Annotated[
        str, Meta(description="keeps there what the receiver cannot take now; empty for in memory only")
    ] = ""
    max_bytes: Annotated[int, Meta(ge=_MIB, description="size of one process's share; the oldest gives way")] = (
        64 * _MIB
    )
    sync: Annotated[Sync, Meta(description="when it is forced to the disk: close, always, never")] = "close"


class ScrapeSettings(Group, frozen=True):
    """Where Prometheus finds the metrics of this process."""

    host: Annotated[str, Meta(min_length=1, description="address to listen on")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="port of `/metrics`; 0 for none")] = 0


class InfluxSettings(Group, frozen=True):
    """An InfluxDB, or what speaks its line protocol over HTTP."""

    endpoint: Annotated[str, Meta(description="base URL; empty for none")] = ""
    database: Annotated[str, Meta(min_length=1, description="database, or bucket of InfluxDB 2")] = "telemetry"
    org: Annotated[str, Meta(description="organisation of InfluxDB 2; empty for InfluxDB 1")] = ""
    token: Annotated[str, _secret("sent as `Authorization: Token`")] = ""


class RedactionSettings(Group, frozen=True):
    """What is taken out before anything leaves."""

    enabled: Annotated[bool, Meta(description="hide secrets: passwords, tokens, keys and what follows")] = True
    cards: Annotated[bool, Meta(description="hide numbers of payment cards")] = True
    emails: Annotated[bool, Meta(description="hide email addresses")] = False
    ibans: Annotated[bool, Meta(description="hide account numbers")] = False
    names: Annotated[tuple[str, ...], Meta(description="further fields whose whole value is hidden")] = ()
    allow: Annotated[tuple[str, ...], Meta(description="fields that are left as they are")] = ()
    patterns: Annotated[
        dict[str, str], Meta(description="further regular expressions to hide, by kind", extra={"check": _patterns})
    ] = field(default_factory=dict)
    pseudonyms: Annotated[
        tuple[str, ...], Meta(description="kinds that get a name that stays the same, such as email; needs the key")
    ] = ()
    pseudonym_key: Annotated[str, _secret("secret of those names")] = ""


class RecordingSettings(Group, frozen=True):
    """Everything that can be set for a recording process."""

    enabled: Annotated[bool, _live("record at all", variables=("FIRSTLIGHT_ENABLED",))] = True
    profile: Annotated[
        ProfileName,
        Meta(
            description="values over the defaults: development, production, debug, minimal, high_performance",
            extra={"variables": ("FIRSTLIGHT_PROFILE",)},
        ),
    ] = ""
    service: Annotated[
        str, Meta(description="logical name of this process", extra={"variables": ("FIRSTLIGHT_SERVICE",)})
    ] = ""
    attributes: Annotated[dict[str, Any], Meta(description="what else to say of this process")] = field(
        default_factory=dict
    )
    endpoint: Annotated[
        str,
        Meta(
            description=f"base URL of a hub or another OTLP/HTTP receiver; {DEFAULT_ENDPOINT} where nothing is said "
            "of a receiver, a lake or formats",
            extra={"variables": ("FIRSTLIGHT_ENDPOINT",), "check": _endpoint},
        ),
    ] = ""
    data: Annotated[
        str,
        Meta(
            description="directory of a lake to write to without a hub", extra={"variables": ("FIRSTLIGHT_DATA_DIR",)}
        ),
    ] = ""
    signals: Annotated[tuple[Signal, ...], Meta(description="what is delivered: events, spans, metrics")] = (
        "events",
        "spans",
        "metrics",
    )
    level: Annotated[
        str,
        Meta(
            description="least level that is kept: " + ", ".join(LEVEL_NAMES),
            extra_json_schema=_LEVEL_SCHEMA,
            extra={"live": True, "variables": ("FIRSTLIGHT_LEVEL",), "check": level_name},
        ),
    ] = "info"
    levels: Annotated[dict[str, str], _live("the same for single scopes and all below them", check=_levels)] = field(
        default_factory=dict
    )
    subsystems: Annotated[
        dict[str, Subsystem],
        _live("switch (`enabled`), `level` and `sample_ratio` of single subsystems", check=_subsystems),
    ] = field(default_factory=dict)
    exit_s: Annotated[
        NotNegative, Meta(description="seconds that the end of the process may be held up by deliveries")
    ] = _LIMITS.exit_s
    otlp: OtlpSettings = OtlpSettings()
    buffer: BufferSettings = BufferSettings()
    output: OutputSettings = OutputSettings()
    metrics: MetricSettings = MetricSettings()
    sampling: SamplingSettings = SamplingSettings()
    limits: VolumeSettings = VolumeSettings()
    scrape: ScrapeSettings = ScrapeSettings()
    influx: InfluxSettings = InfluxSettings()
    spool: SpoolSettings = SpoolSettings()
    redaction: RedactionSettings = RedactionSettings()
