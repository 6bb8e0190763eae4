"""Arrays that grow at the end, and a map of whole numbers made of them."""

from typing import Any

import numpy as np

_LEAST = 64


class GrowingArray:
    """A one-dimensional numpy array with room behind its end.

    Args:
        dtype: of its elements.
    """

    def __init__(self, dtype: Any) -> None:
        self._room = np.empty(_LEAST, dtype)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, values: Any) -> None:
        """Add ``values`` at the end."""
        count = self._count + len(values)
        if count > len(self._room):
            room = np.empty(max(count, self._count * 3 // 2), self._room.dtype)
            room[: self._count] = self._room[: self._count]
            self._room = room
        self._room[self._count : count] = values
        self._count = count

    @property
    def all(self) -> Any:
        """The elements; a view that later appends leave as it is."""
        return self._room[: self._count]


class NumberMap:
    """From 64-bit to 32-bit whole numbers, 12 bytes an entry: a Python dict takes ten times that.

    Entries lie in sorted blocks; two blocks of like size become one, so there are few.
    """

    def __init__(self) -> None:
        self._blocks: list[tuple[Any, Any]] = []

    def add(self, keys: Any, values: Any) -> None:
        """Add entries; the keys must be new and different from each other."""
        if not len(keys):
            return
        order = np.argsort(keys)
        self._blocks.append((keys[order], values[order].astype(np.int32)))
        while len(self._blocks) > 1 and len(self._blocks[-2][0]) <= 2 * len(self._blocks[-1][0]):
            pieces = self._blocks[-2:]
            keys, values = (np.concatenate(column) for column in zip(*pieces, strict=True))
            order = np.argsort(keys, kind="stable")
            self._blocks[-2:] = [(keys[order], values[order])]

    def find(self, keys: Any) -> Any:
        """Return the value of each key, -1 where there is none; int32."""
        found = np.full(len(keys), -1, np.int32)
        for known, values in self._blocks:
            at = np.minimum(np.searchsorted(known, keys), len(known) - 1)
            hit = known[at] == keys
            found[hit] = values[at[hit]]
        return found


def ranges(starts: Any, lengths: Any) -> Any:
    """Return the indices ``starts[0] … starts[0] + lengths[0] - 1, starts[1] …`` as one array."""
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) + np.repeat(starts - (ends - lengths), lengths)
