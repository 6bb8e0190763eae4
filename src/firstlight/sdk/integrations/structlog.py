"""structlog's event dictionaries as events.  Needs nothing of structlog but their shape."""

import sys
from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from firstlight.model import Level
from firstlight.sdk.integrations.exceptions import exception_fields
from firstlight.sdk.integrations.levels import level_called

if TYPE_CHECKING:
    from firstlight.sdk.client import Telemetry

_OWN_PLACE = frozenset({"event", "level", "logger", "logger_name", "timestamp", "exc_info"})


class FirstlightProcessor:
    """Records each event dictionary and hands it on; put it before the renderer.

    The event is the name, what was bound become attributes, ``logger`` (or ``logger_name``) is the scope.  ``level``
    counts before the method's name; the recorder takes the time itself.  ``exc_info`` becomes the three usual
    attributes.

    Args:
        telemetry: the recorder.
        drop: end the chain here, so that structlog writes nothing itself.
    """

    def __init__(self, telemetry: "Telemetry", *, drop: bool = False) -> None:
        self._telemetry = telemetry
        self._drop = drop

    def __call__(self, logger: Any, method_name: str, event_dict: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Record ``event_dict``.

        Raises:
            structlog.DropEvent: as it was told to.
        """
        del logger
        try:
            self._record(method_name, event_dict)
        except Exception as error:  # noqa: BLE001
            # What is bound is the host's, and so is what goes wrong with it.
            self._telemetry.troubles.internal("a line of structlog could not be recorded", error)
        if self._drop:
            # Whoever calls us has loaded it.
            raise sys.modules["structlog"].DropEvent
        return event_dict

    def _record(self, method_name: str, event_dict: Mapping[str, Any]) -> None:
        name = event_dict.get("logger") or event_dict.get("logger_name") or ""
        fields = {str(key): value for key, value in event_dict.items() if key not in _OWN_PLACE}
        fields |= _exception(event_dict.get("exc_info") or method_name == "exception")
        level = level_called(str(event_dict.get("level") or method_name), Level.INFO)
        scope = self._telemetry.scope(str(name))
        getattr(scope, level.name.lower())(str(event_dict.get("event", "")), **fields)


def _exception(given: Any) -> dict[str, Any]:
    """Read ``exc_info``: an exception, the triple of one, or a true value for the one being handled."""
    if isinstance(given, tuple):
        given = given[1]
    error = given if isinstance(given, BaseException) or not given else sys.exc_info()[1]
    return exception_fields(error) if isinstance(error, BaseException) else {}
