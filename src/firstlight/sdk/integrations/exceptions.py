"""An exception as fields of an event, with OpenTelemetry's names."""

from traceback import format_exception
from types import TracebackType
from typing import Any

from firstlight.sdk.flow.plain import MAX_TEXT_CHARS, text


def exception_fields(
    error: BaseException | None, kind: type[BaseException] | None = None, at: TracebackType | None = None
) -> dict[str, Any]:
    """Return type, message and stack of ``error``; ``kind`` and ``at`` where they are known apart from it."""
    if error is None:
        return {"exception.type": kind.__qualname__} if kind is not None else {}
    stack = "".join(format_exception(type(error), error, at or error.__traceback__))
    return {
        "exception.type": type(error).__qualname__,
        "exception.message": text(error),
        # Its end says where it happened.
        "exception.stacktrace": stack[-MAX_TEXT_CHARS:],
    }
