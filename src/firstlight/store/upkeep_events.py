"""What maintenance did that must not go unnoticed, as events of the lake itself."""

from collections.abc import Mapping
from typing import Any

from firstlight.model import Event, Level

SERVICE = "firstlight"
_SUBSYSTEM, _COMPONENT = "lake", "upkeep"


def event_of(told: Mapping[str, Any], time_ns: int) -> Event | None:
    """Return the event for a line that a maintaining process told; None for everyday work."""
    if lost := told.get("lost"):
        attributes = {name: lost[name] for name in ("table", "path", "rows", "begin_us", "end_us", "reason", "kept")}
        return _event(time_ns, "segment_lost", Level.ERROR, lost["message"], attributes)
    if reduced := told.get("reduced"):
        text = f"the disk budget took the {reduced['rows']} oldest rows, {reduced['bytes']} bytes"
        if reduced["over_bytes"]:
            text = f"{text}; the lake is still {reduced['over_bytes']} bytes over it and nothing more may go"
        return _event(time_ns, "disk_budget_reached", Level.WARN, text, dict(reduced))
    if retained := told.get("retained"):
        text = f"{retained['rows']} rows of {retained['table']} were older than they stay"
        return _event(time_ns, "rows_retired", Level.INFO, text, dict(retained))
    return None


def _event(time_ns: int, name: str, level: Level, text: str, attributes: dict[str, Any]) -> Event:
    return Event(time_ns, name, int(level), _SUBSYSTEM, _COMPONENT, text, attributes)
