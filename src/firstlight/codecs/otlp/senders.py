"""OTLP resources and scopes to the model's resource, subsystem and component."""

from typing import Any

from firstlight.codecs.otlp.shapes import OtlpResource, Scope
from firstlight.codecs.otlp.values import attributes
from firstlight.model import Resource
from firstlight.model.resource import UNKNOWN_SERVICE

SERVICE = "service.name"
SESSION = "service.instance.id"
HOST = "host.name"
PID = "process.pid"


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


def resource_attributes(resource: Resource) -> dict[str, Any]:
    """Return the OTLP attributes of ``resource``; the opposite of :func:`read_resource`."""
    named = {SERVICE: resource.service, SESSION: resource.session_id, HOST: resource.host, PID: resource.pid}
    return {**{key: value for key, value in named.items() if value}, **resource.attributes}


def scope_name(scope: Scope | None) -> str:
    """Return the scope's name, empty when there is none."""
    return (scope.name or "") if scope else ""


def split_scope(scope: Scope | None) -> tuple[str, str]:
    """Return ``(subsystem, component)``: what is before and after the first dot of the scope's name."""
    subsystem, _, component = scope_name(scope).partition(".")
    return subsystem, component


def join_scope(subsystem: str, component: str) -> str:
    """Return the scope's name; the opposite of :func:`split_scope`."""
    return f"{subsystem}.{component}" if component else subsystem
