"""Who is speaking: one process of one service on one host."""

from typing import Any

import msgspec

UNKNOWN_SERVICE = "unknown_service"


class Resource(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The sender of a batch.

    Attributes:
        service: logical name, OTLP ``service.name``.
        session_id: this run of it, OTLP ``service.instance.id``.
        host: OTLP ``host.name``.
        pid: OTLP ``process.pid``; 0 when unknown.
        attributes: whatever else the sender says of itself; plain JSON values.
    """

    service: str = UNKNOWN_SERVICE
    session_id: str = ""
    host: str = ""
    pid: int = 0
    attributes: dict[str, Any] = {}
