"""Names of deliveries, 16 bytes each.

A sender that numbers its deliveries and sends them one after another gives them names that sort: ``FL``, its own 8
bytes, 6 bytes of sequence.  Whatever such a sender sends again is not newer than its newest stored delivery, so one
name a sender is enough to know all of them (as Kafka's idempotent producers do it: KIP-98, "producer id and sequence
number").  Other names are digests of a body and say nothing about each other.
"""

from collections.abc import Iterable

SENDER_BYTES = 8
SEQUENCE_END = 2**48
_MARK = b"FL"
_PREFIX_BYTES = len(_MARK) + SENDER_BYTES


def numbered(sender: bytes, sequence: int) -> bytes:
    """Return the name of delivery ``sequence`` (below ``SEQUENCE_END``) of ``sender`` (8 bytes)."""
    return _MARK + sender + sequence.to_bytes(6, "big")


def sender_of(name: bytes) -> bytes:
    """Return who numbered this delivery; empty for a digest."""
    return name[:_PREFIX_BYTES] if name.startswith(_MARK) else b""


def newest(names: Iterable[bytes]) -> dict[bytes, bytes]:
    """Return the newest name of each sender, by sender."""
    found: dict[bytes, bytes] = {}
    for name in names:
        sender = sender_of(name)
        if sender and name > found.get(sender, b""):
            found[sender] = name
    return found


def without_older(names: Iterable[bytes]) -> frozenset[bytes]:
    """Return the names without those that a newer one of the same sender makes superfluous."""
    kept = frozenset(names)
    latest = newest(kept)
    return frozenset(name for name in kept if latest.get(sender_of(name), name) == name)
