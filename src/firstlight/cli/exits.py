"""What an exit code means, and which one an error gets."""

from firstlight.errors import (
    ConfigError,
    FirstlightError,
    NotReachable,
    PayloadTooLarge,
    PluginError,
    QueryError,
    StorageError,
    StorageFull,
    Unavailable,
    UsageError,
)

FINE = 0
BAD_ANSWER = 1
USAGE = 2
NOT_REACHABLE = 3
FAULT = 70
"""``EX_SOFTWARE`` of BSD's sysexits: the mistake is ours."""
INTERRUPTED = 130
"""128 + SIGINT, as shells count it."""

_CODES: tuple[tuple[type[FirstlightError], str, int], ...] = (
    (ConfigError, "BAD_CONFIG", USAGE),
    (QueryError, "BAD_QUERY", USAGE),
    (PluginError, "MISSING_EXTRA", USAGE),
    (UsageError, "BAD_USAGE", USAGE),
    (PayloadTooLarge, "TOO_LARGE", USAGE),
    (NotReachable, "NOT_REACHABLE", NOT_REACHABLE),
    (StorageFull, "STORAGE_FULL", NOT_REACHABLE),
    (Unavailable, "UNAVAILABLE", NOT_REACHABLE),
    (StorageError, "BAD_STORAGE", NOT_REACHABLE),
)


def classify(error: FirstlightError) -> tuple[str, int]:
    """Return the word that names ``error`` to programs and the exit code it ends with."""
    for kind, code, exit_code in _CODES:
        if isinstance(error, kind):
            return code, exit_code
    return "FAILED", NOT_REACHABLE
