"""002's "Module 3", its error handler: what went wrong, in the document's envelope."""

from collections.abc import Mapping
from typing import Any, Protocol

from firstlight.errors import FirstlightError

INVALID_EVENT = "INVALID_EVENT"
LOOP_DETECTED = "LOOP_DETECTED"
STORAGE_FAILURE = "STORAGE_FAILURE"
INVALID_AGGREGATION = "INVALID_AGGREGATION"
RETRIEVAL_FAILURE = "RETRIEVAL_FAILURE"
INTERNAL_ERROR = "INTERNAL_ERROR"
"""A fault that the document has no code for."""

CODES = (INVALID_EVENT, LOOP_DETECTED, STORAGE_FAILURE, INVALID_AGGREGATION, RETRIEVAL_FAILURE, INTERNAL_ERROR)
SOURCE = "Bridge_Telemetry"
"""What the document's log entries have as their source."""


class Refusal(Exception):
    """A call is answered with an error; never leaves the four calls.

    Args:
        code: one of :data:`CODES`.
        message: what is wrong.
        details: more, such as ``validation_errors``.
    """

    def __init__(self, code: str, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.details = dict(details or {})


class Log(Protocol):
    """Takes log entries."""

    def log(self, entry: Mapping[str, Any], log_level: str = "INFO") -> None:
        """Write one."""


class ErrorHandler:
    """Makes error responses and logs them.

    Example::

        handler = ErrorHandler(BridgeLogger({}))
        handler.create_error_response("STORAGE_FAILURE", "The disk is full")
        # {"status": "error", "error": {"code": "STORAGE_FAILURE", "message": "The disk is full", "details": {}}}

    Args:
        logger: where they are logged.
    """

    def __init__(self, logger: Log) -> None:
        self._logger = logger

    def create_error_response(
        self, code: str, message: str, details: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the envelope, and log it."""
        found = dict(details or {})
        payload = found.get("received_event", found)
        self._logger.log(
            {
                "source": SOURCE,
                "status": "ERROR",
                "payload": payload,
                "message": message,
                "errorDetails": {"errorCode": code, "errorMessage": message},
            },
            log_level="ERROR",
        )
        return {"status": "error", "error": {"code": code, "message": message, "details": found}}

    def handle_exception(self, error: Exception, context: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the envelope for ``error``: a :class:`Refusal` as it says, another of ours as a failure of storage.

        Args:
            error: what was raised.
            context: what the call was given.
        """
        if isinstance(error, Refusal):
            return self.create_error_response(error.code, str(error), {**error.details, **(context or {})})
        if isinstance(error, FirstlightError):
            return self.create_error_response(STORAGE_FAILURE, str(error), context)
        return self.create_error_response(INTERNAL_ERROR, f"{type(error).__name__}: {error}", context)
