"""The model's resource, subsystem and component as OTLP resources and scopes."""

from typing import Any

from firstlight.model import Resource

SERVICE = "service.name"
SESSION = "service.instance.id"
HOST = "host.name"
PID = "process.pid"


def resource_attributes(resource: Resource) -> dict[str, Any]:
    """Return the OTLP attributes of ``resource``; ``read_resource`` is the opposite."""
    named = {SERVICE: resource.service, SESSION: resource.session_id, HOST: resource.host, PID: resource.pid}
    return {**{key: value for key, value in named.items() if value}, **resource.attributes}


def join_scope(subsystem: str, component: str) -> str:
    """Return the scope's name; ``split_scope`` is the opposite."""
    return f"{subsystem}.{component}" if component else subsystem
