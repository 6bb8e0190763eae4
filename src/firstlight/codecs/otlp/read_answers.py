"""What a receiver's answer of success turns down all the same; light, because recorders read it.

Source: OTLP specification 1.x, "Partial Success".  The three signals' answers have the same shape in protobuf.
"""

import json

from firstlight.codecs.otlp.answers import REJECTED_FIELDS
from firstlight.codecs.otlp.wire import LENGTH, VARINT, fields, varint
from firstlight.errors import DecodeError

_PARTIAL_TAG, _REASON_TAG = 1 << 3 | LENGTH, 2 << 3 | LENGTH
_COUNT_TAG = 1 << 3 | VARINT
_NO_REASON = "no reason given"
_NOTHING = (0, "")


def partial_of_json(signal: str, answer: bytes) -> tuple[int, str]:
    """Return how many rows of ``signal`` the answer turns down, and why; nothing when it is no such answer."""
    try:
        partial = json.loads(answer or b"{}").get("partialSuccess") or {}
        return int(partial.get(REJECTED_FIELDS[signal]) or 0), str(partial.get("errorMessage") or _NO_REASON)
    except (ValueError, TypeError, AttributeError):
        return _NOTHING


def partial_of_protobuf(_signal: str, answer: bytes) -> tuple[int, str]:
    """Return the same of an answer in protobuf."""
    rejected, reason = _NOTHING
    try:
        for outer, start, stop in fields(answer, 0, len(answer)):
            if outer != _PARTIAL_TAG:
                continue
            for tag, at, end in fields(answer, start, stop):
                if tag == _COUNT_TAG:
                    rejected = varint(answer, at)[0]
                elif tag == _REASON_TAG:
                    reason = answer[at:end].decode(errors="replace")
    except (DecodeError, IndexError):
        return _NOTHING
    return rejected, reason or _NO_REASON
