"""How far each sender has come with the deliveries that it numbers."""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from firstlight.errors import Overloaded
from firstlight.store.delivery import sender_of

SENDERS_MOST = 10_000
"""Senders remembered, about 200 bytes each; one that was silent for longest goes first, and the log still knows it."""


class Progress:
    """Remembers the newest stored delivery of each sender.  Any thread may call it.

    Args:
        senders_most: senders remembered.
    """

    def __init__(self, senders_most: int = SENDERS_MOST) -> None:
        self._senders_most = senders_most
        self._newest: OrderedDict[bytes, bytes] = OrderedDict()
        self._at_work: set[bytes] = set()
        self._lock = threading.Lock()

    @contextmanager
    def turn(self, name: bytes) -> Iterator[None]:
        """Hold the sender's turn, so that a delivery sent again cannot overtake its first copy.

        Raises:
            Overloaded: its first copy is still at work.
        """
        sender = sender_of(name)
        with self._lock:
            if sender and sender in self._at_work:
                raise Overloaded("an earlier delivery of this sender is still being stored; try again", 1.0)
            self._at_work.add(sender)
        try:
            yield
        finally:
            with self._lock:
                self._at_work.discard(sender)

    def stored(self, name: bytes) -> None:
        """Note that the delivery is kept."""
        sender = sender_of(name)
        if not sender:
            return
        with self._lock:
            self._newest[sender] = max(name, self._newest.get(sender, b""))
            self._newest.move_to_end(sender)
            if len(self._newest) > self._senders_most:
                self._newest.popitem(last=False)

    def is_stored(self, name: bytes) -> bool:
        """Return whether this delivery, or a later one of its sender, is known to be kept."""
        sender = sender_of(name)
        with self._lock:
            return bool(sender) and name <= self._newest.get(sender, b"")
