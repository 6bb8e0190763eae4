"""How loud the emitter is.  The numbers are OTLP severity numbers (1..24), so a log record keeps its own."""

from enum import IntEnum

from firstlight.errors import UsageError


class Level(IntEnum):
    """The named levels; each names the first of OTLP's four steps."""

    TRACE = 1
    DEBUG = 5
    INFO = 9
    WARN = 13
    ERROR = 17
    CRITICAL = 21

    # An enumeration hashes its name, in Python, at every look-up in a dictionary.
    __hash__ = int.__hash__


_STEPS_PER_LEVEL = 4
_NAMES = tuple(level.name for level in Level)
_ALIASES = {"WARNING": "WARN", "FATAL": "CRITICAL", "NOTICE": "INFO"}


def level_name(number: int) -> str:
    """Return the name of the band that an OTLP severity number falls in; numbers outside 1..24 go to the nearest."""
    return _NAMES[min(max((number - 1) // _STEPS_PER_LEVEL, 0), len(_NAMES) - 1)]


def parse_level(text: str) -> Level:
    """Return the level called ``text`` in any case (``warning`` and ``fatal`` count too).

    Raises:
        UsageError: there is no such level.
    """
    name = text.strip().upper()
    try:
        return Level[_ALIASES.get(name, name)]
    except KeyError:
        raise UsageError(f"no level {text!r}; use one of {', '.join(_NAMES).lower()}") from None
