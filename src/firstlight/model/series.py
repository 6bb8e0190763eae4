"""The identity of one line of samples."""

import struct
from enum import StrEnum
from hashlib import blake2b

import msgspec


class Kind(StrEnum):
    """What a metric's values mean."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    SUMMARY = "summary"
    INFO = "info"
    STATESET = "stateset"
    UNKNOWN = "unknown"


class Series(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One line of samples.

    A histogram is one series per bucket (``field="bucket"``, cumulative, with its upper-inclusive bound in label
    ``le``), one ``sum`` and one ``count``, all under the metric's own name; a summary has ``quantile``, ``sum`` and
    ``count``.  An info is always 1 and says what it says in its labels; a state set is one series per state, 1 or 0,
    with the state in a label named like the metric (OpenMetrics 1.0).

    Attributes:
        name: the metric's name as its source spells it.
        labels: ``(key, value)`` pairs sorted by key; an empty value is the same as no label and must be left out.
        service: see :class:`~firstlight.model.Resource`.
        session_id: the sender's ``service.instance.id``; empty when it has none.
        scope: who in the sender measured it ("subsystem.component", an OTLP instrumentation scope).
        field: ``value``, ``bucket``, ``sum``, ``count``, ``min``, ``max`` or ``quantile``.
        kind: not part of the identity, like ``unit`` and ``description``.
        unit: as the source spells it (UCUM for OTLP); empty when unknown.
        description: one line of help.
    """

    name: str
    labels: tuple[tuple[str, str], ...] = ()
    service: str = ""
    session_id: str = ""
    scope: str = ""
    field: str = "value"
    kind: Kind = Kind.GAUGE
    unit: str = ""
    description: str = ""

    def id(self) -> int:
        """Return the signed 64-bit identity: BLAKE2b of the identifying strings, each with its length before it."""
        parts = [self.name, self.field, self.service, self.session_id, self.scope]
        for pair in self.labels:
            parts += pair
        encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
        lengths = struct.pack(f"<{len(encoded)}I", *map(len, encoded))
        digest = blake2b(lengths + b"".join(encoded), digest_size=8).digest()
        return int.from_bytes(digest, "little", signed=True)


def sorted_labels(labels: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """Return ``labels`` as a series wants them: sorted by key, without the empty values."""
    return tuple(sorted((key, value) for key, value in labels.items() if value != ""))
