"""The levels of other libraries in ours."""

from firstlight.model import Level

_NAMES = {
    "notset": Level.TRACE,
    "trace": Level.TRACE,
    "debug": Level.DEBUG,
    "info": Level.INFO,
    "notice": Level.INFO,
    "success": Level.INFO,
    "warn": Level.WARN,
    "warning": Level.WARN,
    "error": Level.ERROR,
    "err": Level.ERROR,
    "exception": Level.ERROR,
    "critical": Level.CRITICAL,
    "fatal": Level.CRITICAL,
}
_BY_NUMBER = ((50, Level.CRITICAL), (40, Level.ERROR), (30, Level.WARN), (20, Level.INFO), (10, Level.DEBUG))


def level_called(name: str, otherwise: Level) -> Level:
    """Return the level called ``name`` in any case, or ``otherwise``."""
    return _NAMES.get(name.lower(), otherwise)


def level_numbered(number: int) -> Level:
    """Return the level of a number as ``logging`` counts, rounded down."""
    return next((level for least, level in _BY_NUMBER if number >= least), Level.TRACE)
