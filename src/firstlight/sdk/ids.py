"""Random trace and span ids (W3C Trace Context: 16 and 8 bytes, never all zero)."""

import os
from random import Random

_random = Random()
os.register_at_fork(after_in_child=_random.seed)


def new_trace_id() -> str:
    """Return 32 lower-case hex digits."""
    return f"{_random.getrandbits(128) or 1:032x}"


def new_span_id() -> str:
    """Return 16 lower-case hex digits."""
    return f"{_random.getrandbits(64) or 1:016x}"
