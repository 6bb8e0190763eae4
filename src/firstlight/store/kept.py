"""What was read from files that never change, as long as there is room for it."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any


class Kept:
    """The values that were asked for last, up to a number of bytes.  Any thread may use it.

    Args:
        limit_bytes: of the values together.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._values: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()
        self.bytes = 0

    def get(self, key: Hashable) -> Any:
        """Return the value of ``key``, None when it is not there (any more)."""
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return None
            self._values.move_to_end(key)
            return found[0]

    def put(self, key: Hashable, value: Any, size_bytes: int) -> None:
        """Keep ``value``; one that is larger than a quarter of the limit is not worth it."""
        if size_bytes > self._limit_bytes // 4:
            return
        with self._lock:
            _, before = self._values.pop(key, (None, 0))
            self._values[key] = value, size_bytes
            self.bytes += size_bytes - before
            while self.bytes > self._limit_bytes:
                _, (_, dropped) = self._values.popitem(last=False)
                self.bytes -= dropped
