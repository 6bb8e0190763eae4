"""What an event and a metric must look like."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import msgspec

from firstlight.compat.bridge import times
from firstlight.compat.bridge.errors import INVALID_EVENT, Refusal

MAX_EVENT_BYTES = 2**20
"""Of an event as MessagePack, which is how the lake writes it."""

MAX_NAME_CHARS = 512
"""Of a type, a source and a metric's name."""

MESSAGE = "Event validation failed."
_encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of something that was handed over.

    Attributes:
        event: it as plain JSON values; empty where it has none.
        time_ns: its own time; None when it has none.
        errors: what is wrong with it.
    """

    event: dict[str, Any]
    time_ns: int | None
    errors: list[str]


def validate_event_data(event_data: object) -> dict[str, Any]:
    """Return ``is_valid``, ``error_message`` and ``errors`` of an event, as the document's "Error Handling" has it."""
    errors = check_event(event_data).errors
    return {"is_valid": not errors, "error_message": _message(errors), "errors": errors}


def accept_event(event_data: object) -> Checked:
    """Return the event.

    Raises:
        Refusal: it is none.
    """
    return _accepted(check_event(event_data))


def accept_metric(name: object, value: object, context: object, timestamp: object) -> Checked:
    """Return a metric as the document's ``METRIC`` event, without ids; a number in it is finite.

    Raises:
        Refusal: it is none.
    """
    errors = [*_name("metric_name", name), *_value(value)]
    if context is not None and not isinstance(context, Mapping):
        errors.append(f"context must be a mapping, not {type(context).__name__}")
    data = {"metric_name": name, "metric_value": value, "context": context or {}}
    plain, time_ns = _plain(data, errors), _time(timestamp, errors)
    return _accepted(Checked(plain, time_ns, errors))


def check_event(event_data: object) -> Checked:
    """Return what is left of an event as plain values, and what is wrong with it."""
    if not isinstance(event_data, Mapping):
        return Checked({}, None, [f"an event is a mapping, not {type(event_data).__name__}"])
    errors = [*_name("event_type", event_data.get("event_type")), *_name("source", event_data.get("source"))]
    data = event_data.get("data")
    if not isinstance(data, Mapping):
        errors.append("data is missing" if data is None else f"data must be a mapping, not {type(data).__name__}")
    if event_data.get("event_id") is not None:
        errors += _name("event_id", event_data["event_id"])
    return Checked(_plain(event_data, errors), _time(event_data.get("timestamp"), errors), errors)


def _accepted(checked: Checked) -> Checked:
    if checked.errors:
        raise Refusal(INVALID_EVENT, _message(checked.errors), {"validation_errors": checked.errors})
    return checked


def _message(errors: list[str]) -> str:
    return f"{MESSAGE[:-1]}: {'; '.join(errors)}" if errors else ""


def _name(key: str, value: object) -> list[str]:
    if value is None:
        return [f"{key} is missing"]
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME_CHARS:
        return [f"{key} must be a text of 1 to {MAX_NAME_CHARS} characters"]
    return []


def _value(value: object) -> list[str]:
    if isinstance(value, str):
        return []
    if not isinstance(value, Real):
        return [f"metric_value must be a number or a text, not {type(value).__name__}"]
    try:
        return [] if math.isfinite(value) else [f"metric_value must be finite, not {value}"]
    except OverflowError:
        return ["metric_value is beyond what a double can hold"]


def _time(moment: object, errors: list[str]) -> int | None:
    if moment is None:
        return None
    try:
        return times.nanoseconds(moment)
    except ValueError as error:
        errors.append(f"timestamp: {error}")
        return None


def _plain(value: Mapping[Any, Any], errors: list[str]) -> dict[str, Any]:
    try:
        found = msgspec.to_builtins(value, str_keys=True, enc_hook=_scalar)
        size = len(_encode(found))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        errors.append(f"not plain JSON values: {error}")
        return {}
    if size > MAX_EVENT_BYTES:
        errors.append(f"an event may have {MAX_EVENT_BYTES:,} bytes, this one has {size:,}")
    return dict(found) if isinstance(found, dict) else {}


def _scalar(value: Any) -> Any:
    """Return a NumPy scalar as Python's own, without importing NumPy."""
    if getattr(value, "shape", None) == () and callable(getattr(value, "item", None)):
        return value.item()
    raise TypeError(f"{type(value).__name__} is no JSON value")
