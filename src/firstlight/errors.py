"""Every exception that Firstlight raises on purpose.

::

    FirstlightError
    ├── UsageError              the caller gave something that cannot work
    │   ├── ConfigError         a setting has a bad value (names its path and source)
    │   ├── QueryError          a query does not parse, bind or run
    │   │   ├── QuerySyntaxError    PromQL text that is no query (says where)
    │   │   ├── QueryFailed         a PromQL query that cannot be evaluated
    │   │   │   └── QueryTooLarge   it touches more samples than allowed
    │   │   ├── QueryTimedOut       it took longer than allowed
    │   │   └── QueryCanceled       who asked does not wait any more
    │   └── PluginError         an extension is unknown or does not load
    ├── DecodeError             bytes from outside are not what they claim to be
    ├── PayloadTooLarge         a body is over its limit, compressed or inflated
    ├── Unavailable             the thing is right but cannot be done now; try again
    │   ├── Overloaded          a bounded queue is full
    │   ├── StorageFull         the disk or the budget has no room
    │   └── NotReachable        no hub answers at the address
    └── StorageError            the lake cannot be opened, read or written
        └── CorruptSegment      stored bytes fail their checksum

``UsageError``, ``DecodeError`` and ``PayloadTooLarge`` are the sender's to mend, so sending the same again fails again;
``Unavailable`` is worth a retry.  Each message says what to do next.
"""


class FirstlightError(Exception):
    """Base of all of them."""


class UsageError(FirstlightError):
    """The caller gave something that cannot work."""


class ConfigError(UsageError):
    """A setting has a bad value.

    Args:
        path: dotted path of the setting, such as ``hub.port``.
        source: where the value came from, such as ``FIRSTLIGHT_PORT`` or a file's name.
        problem: what is wrong with it and what would be right.
    """

    def __init__(self, path: str, source: str, problem: str) -> None:
        super().__init__(f"{path} (from {source}): {problem}")
        self.path = path
        self.source = source
        self.problem = problem


class QueryError(UsageError):
    """A query does not parse, bind or run."""


class QuerySyntaxError(QueryError):
    """PromQL text that is no query.

    Args:
        problem: what is wrong.
        line: where, from 1 on.
        column: where in the line, from 1 on.
    """

    def __init__(self, problem: str, line: int = 1, column: int = 1) -> None:
        super().__init__(f"{line}:{column}: parse error: {problem}")
        self.problem = problem
        self.line = line
        self.column = column


class QueryFailed(QueryError):
    """A PromQL query that cannot be evaluated over the series that are there."""


class QueryTooLarge(QueryFailed):
    """A query touches more samples than one query may."""


class QueryTimedOut(QueryError):
    """A query took longer than it may."""


class QueryCanceled(QueryError):
    """Who asked does not wait for the answer any more."""


class PluginError(UsageError):
    """An extension is unknown or does not load."""


class DecodeError(FirstlightError):
    """Bytes from outside are not what they claim to be."""


class PayloadTooLarge(FirstlightError):
    """A body is over its limit, compressed or inflated."""


class Unavailable(FirstlightError):
    """The thing is right but cannot be done now.

    Args:
        message: what is missing and what to do about it.
        retry_after_s: seconds after which a second try is sensible.
    """

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Overloaded(Unavailable):
    """A bounded queue is full."""


class StorageFull(Unavailable):
    """The disk or the budget has no room."""


class NotReachable(Unavailable):
    """No hub answers at the address."""


class StorageError(FirstlightError):
    """The lake cannot be opened, read or written."""


class CorruptSegment(StorageError):
    """Stored bytes fail their checksum."""
