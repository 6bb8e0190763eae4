"""OpenTelemetry's environment variables, as far as this recorder has a setting for what they say.

Names and forms: OpenTelemetry specification, "Environment Variable Specification" and "OTLP Exporter Configuration".
That specification wants a value that cannot be understood to be ignored with a warning, so nothing here raises.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from firstlight.app.layers import MASK, Given, Layer

Translate = Callable[[str], dict[str, Any]]
"""Returns what a variable's text sets, by path below ``recording.``; raises ValueError."""

_MS_PER_S = 1000
_PROTOCOLS = {"http/json": "json", "http/protobuf": "protobuf"}
_SIGNALS = {"TRACES": ("traces", "spans"), "METRICS": ("metrics", "metrics"), "LOGS": ("logs", "events")}
_PROPAGATORS = {"tracecontext", "baggage"}
_SAMPLER, _SAMPLER_ARGUMENT = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"
_EXPORTERS = {f"OTEL_{signal}_EXPORTER": row for signal, (_, row) in _SIGNALS.items()}

NOT_HONOURED = {
    "OTEL_ATTRIBUTE_COUNT_LIMIT": "attributes have fixed bounds",
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "attributes have fixed bounds",
    "OTEL_BLRP_MAX_QUEUE_SIZE": "use FIRSTLIGHT_RECORDING_BUFFER_QUEUE_ROWS",
    "OTEL_BLRP_SCHEDULE_DELAY": "use FIRSTLIGHT_RECORDING_BUFFER_FLUSH_INTERVAL_S",
    "OTEL_BSP_MAX_QUEUE_SIZE": "use FIRSTLIGHT_RECORDING_BUFFER_QUEUE_ROWS",
    "OTEL_BSP_SCHEDULE_DELAY": "use FIRSTLIGHT_RECORDING_BUFFER_FLUSH_INTERVAL_S",
    "OTEL_CONFIG_FILE": "use FIRSTLIGHT_CONFIG",
    "OTEL_EXPERIMENTAL_CONFIG_FILE": "use FIRSTLIGHT_CONFIG",
    **{
        f"OTEL_EXPORTER_OTLP_{signal}_{what}": f"all signals share OTEL_EXPORTER_OTLP_{what}"
        for signal in _SIGNALS
        for what in ("PROTOCOL", "TIMEOUT", "COMPRESSION", "CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY")
    },
}
"""Variables that others honour, and what to do instead."""


def from_otel(environ: Mapping[str, str]) -> tuple[Layer, list[str]]:
    """Return the settings that ``OTEL_`` variables make, and what is to be said about those that make none."""
    layer: Layer = {}
    said: list[str] = []
    for name, translate in _TRANSLATORS.items():
        text = environ.get(name, "").strip()
        try:
            found = translate(text) if text else {}
        except ValueError as error:
            said.append(f"{name} is ignored: {error}")
            continue
        layer |= {f"recording.{path}": _merged(layer, path, value, name) for path, value in found.items()}
    _sample(environ, layer, said)
    said += _silenced(environ, layer)
    said += [f"{name} is not honoured: {reason}" for name, reason in NOT_HONOURED.items() if environ.get(name)]
    return layer, said


def _merged(layer: Layer, path: str, value: Any, name: str) -> Given:
    before = layer.get(f"recording.{path}")
    if before is not None and isinstance(value, dict):
        return Given({**before.value, **value}, f"{before.source}, {name}")
    return Given(value, name)


def _exemplars(text: str) -> dict[str, Any]:
    # Only what is measured inside a span has a trace to lead to, so always_on asks for no more than trace_based.
    known = {"always_on": True, "trace_based": True, "always_off": False}
    if text.lower() not in known:
        raise ValueError(f"must be one of {', '.join(known)}, not {text!r}")
    return {"metrics.exemplars": known[text.lower()]}


def _disabled(text: str) -> dict[str, Any]:
    return {"enabled": False} if text.lower() == "true" else {}


def _attributes(text: str) -> dict[str, Any]:
    pairs = dict(_pairs(text))
    service = pairs.pop("service.name", "")
    return {"attributes": pairs, **({"service": service} if service else {})}


def _headers(text: str) -> dict[str, Any]:
    return {"otlp.headers": dict(_pairs(text))}


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """Read ``key=value,key=value`` with percent-encoded values."""
    from urllib.parse import unquote  # here, because only some set such a variable, and it is not light

    for part in filter(None, map(str.strip, text.split(","))):
        key, mark, value = part.partition("=")
        if not mark or not key.strip():
            # Not shown, because headers hold secrets.
            raise ValueError(f"it must be key=value,key=value, not {MASK}")
        yield unquote(key.strip()), unquote(value.strip())


def _protocol(text: str) -> dict[str, Any]:
    if text not in _PROTOCOLS:
        raise ValueError(f"there is {' and '.join(_PROTOCOLS)}, not {text!r}")
    return {"otlp.protocol": _PROTOCOLS[text]}


def _compression(text: str) -> dict[str, Any]:
    if text not in {"gzip", "none"}:
        raise ValueError(f"there is gzip and none, not {text!r}")
    return {"otlp.compression": text}


def _milliseconds(path: str) -> Translate:
    def translate(text: str) -> dict[str, Any]:
        if not text.isdecimal() or not int(text):
            raise ValueError(f"it must be a number of milliseconds above 0, not {text!r}")
        return {path: int(text) / _MS_PER_S}

    return translate


def _text(path: str) -> Translate:
    return lambda text: {path: text}


def _endpoint_of(signal: str) -> Translate:
    return lambda text: {"otlp.endpoints": {signal: text}}


def _headers_of(signal: str) -> Translate:
    return lambda text: {"otlp.signal_headers": {signal: dict(_pairs(text))}}


def _propagators(text: str) -> dict[str, Any]:
    others = {part.strip() for part in text.split(",")} - _PROPAGATORS
    if others:
        raise ValueError(f"there is {' and '.join(sorted(_PROPAGATORS))}, not {', '.join(sorted(others))}")
    return {}


def _sample(environ: Mapping[str, str], layer: Layer, said: list[str]) -> None:
    """Head sampling; a remote parent's decision is followed by each of them."""
    name, argument = environ.get(_SAMPLER, "").strip(), environ.get(_SAMPLER_ARGUMENT, "").strip()
    ratios = {"always_on": 1.0, "always_off": 0.0, "traceidratio": _ratio(argument)}
    ratio = ratios.get(name.removeprefix("parentbased_"))
    if not name:
        return
    if ratio is None:
        what = f"{_SAMPLER_ARGUMENT}={argument!r}" if name.endswith("traceidratio") else f"{_SAMPLER}={name!r}"
        said.append(
            f"{what} is ignored: there is always_on, always_off and traceidratio (0 to 1), or parentbased_ them"
        )
        return
    layer["recording.sampling.trace_ratio"] = Given(ratio, _SAMPLER)
    layer["recording.sampling.keep_failed_traces"] = Given(value=False, source=_SAMPLER)


def _ratio(text: str) -> float | None:
    try:
        ratio = float(text or "1")
    except ValueError:
        return None
    return ratio if 0 <= ratio <= 1 else None


def _silenced(environ: Mapping[str, str], layer: Layer) -> Iterator[str]:
    """Leave out the signals whose exporter is ``none``; yield what is to be said of other names."""
    names = {variable: environ.get(variable, "").strip() for variable in _EXPORTERS}
    none = [variable for variable, name in names.items() if name == "none"]
    if none:
        kept = [signal for variable, signal in _EXPORTERS.items() if variable not in none]
        layer["recording.signals"] = Given(kept, ", ".join(none))
    for variable, name in names.items():
        if name not in {"", "none", "otlp"}:
            yield f"{variable} is ignored: there is otlp and none, not {name!r}; for files see FIRSTLIGHT_FORMATS"


# In this order, because the service's own variable wins over the attribute.
_TRANSLATORS: dict[str, Translate] = {
    "OTEL_SDK_DISABLED": _disabled,
    "OTEL_RESOURCE_ATTRIBUTES": _attributes,
    "OTEL_SERVICE_NAME": _text("service"),
    "OTEL_EXPORTER_OTLP_ENDPOINT": _text("endpoint"),
    **{f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT": _endpoint_of(name) for signal, (name, _) in _SIGNALS.items()},
    "OTEL_EXPORTER_OTLP_HEADERS": _headers,
    **{f"OTEL_EXPORTER_OTLP_{signal}_HEADERS": _headers_of(name) for signal, (name, _) in _SIGNALS.items()},
    "OTEL_EXPORTER_OTLP_PROTOCOL": _protocol,
    "OTEL_EXPORTER_OTLP_TIMEOUT": _milliseconds("otlp.timeout_s"),
    "OTEL_EXPORTER_OTLP_COMPRESSION": _compression,
    "OTEL_EXPORTER_OTLP_CERTIFICATE": _text("otlp.certificate_file"),
    "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": _text("otlp.client_certificate_file"),
    "OTEL_EXPORTER_OTLP_CLIENT_KEY": _text("otlp.client_key_file"),
    "OTEL_METRIC_EXPORT_INTERVAL": _milliseconds("metrics.interval_s"),
    "OTEL_METRICS_EXEMPLAR_FILTER": _exemplars,
    "OTEL_PROPAGATORS": _propagators,
}

HONOURED = (*_TRANSLATORS, _SAMPLER, _SAMPLER_ARGUMENT, *_EXPORTERS)
"""Every variable of OpenTelemetry's that is read."""
