"""OTLP resources and scopes to the model's resource, subsystem and component."""

from typing import Any

from firstlight.codecs.otlp.read_values import attributes
from firstlight.codecs.otlp.senders import HOST, PID, SERVICE, SESSION
from firstlight.codecs.otlp.shapes import OtlpResource, Scope
from firstlight.model import Resource
from firstlight.model.resource import UNKNOWN_SERVICE


def read_resource(resource: OtlpResource | None) -> Resource:
    """Return the model's resource; what has a field of its own there is not repeated among the other attributes."""
    rest = attributes(resource.attributes) if resource else {}
    pid = rest.get(PID)
    if isinstance(pid, int):
        del rest[PID]
    return Resource(
        service=_take_text(rest, SERVICE) or UNKNOWN_SERVICE,
        session_id=_take_text(rest, SESSION),
        host=_take_text(rest, HOST),
        pid=pid if isinstance(pid, int) else 0,
        attributes=rest,
    )


def _take_text(rest: dict[str, Any], key: str) -> str:
    value = rest.get(key)
    if not isinstance(value, str):
        return ""
    del rest[key]
    return value


def scope_name(scope: Scope | None) -> str:
    """Return the scope's name, empty when there is none."""
    return (scope.name or "") if scope else ""


def split_scope(scope: Scope | None) -> tuple[str, str]:
    """Return ``(subsystem, component)``: what is before and after the first dot of the scope's name."""
    subsystem, _, component = scope_name(scope).partition(".")
    return subsystem, component
