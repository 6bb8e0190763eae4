"""Random trace and span ids (W3C Trace Context: 16 and 8 bytes, never all zero)."""

import os
from random import Random

_random = Random()  # noqa: S311 - ids need to differ, not to be secret
os.register_at_fork(after_in_child=_random.seed)
_bits = _random.getrandbits


def new_trace_id() -> str:
    """Return 32 lower-case hex digits."""
    return "%032x" % (_bits(128) or 1)


def new_span_id() -> str:
    """Return 16 lower-case hex digits."""
    return "%016x" % (_bits(64) or 1)
