"""From terms to the series that have them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from firstlight.store.growing import ranges

_NONE = np.empty(0, np.int32)


@dataclass(frozen=True, slots=True)
class _Block:
    """The series of a stretch of positions, sorted by term.

    Attributes:
        terms: ``(t,)`` int32, ascending.
        starts: ``(t + 1,)`` int32, where the positions of each begin.
        positions: ``(n,)`` int32, ascending within a term.
    """

    terms: Any
    starts: Any
    positions: Any

    def of(self, terms: Any) -> Any:
        at = np.minimum(np.searchsorted(self.terms, terms), len(self.terms) - 1)
        at = at[self.terms[at] == terms]
        if len(at) == 1:
            return self.positions[self.starts[at[0]] : self.starts[at[0] + 1]]
        starts = self.starts[at]
        return self.positions[ranges(starts, self.starts[at + 1] - starts)]

    def rows(self) -> tuple[Any, Any]:
        return np.repeat(self.terms, np.diff(self.starts)), self.positions


class Postings:
    """Which series have a term; series are numbered in the order in which they come.

    Blocks of like size become one, so there are few and each addition is cheap on the whole.
    """

    def __init__(self) -> None:
        self._blocks: list[_Block] = []

    def add(self, terms: Any, positions: Any) -> None:
        """Add rows ``(terms[i], positions[i])``; the positions are beyond all those that were added before."""
        if not len(terms):
            return
        self._blocks.append(_block(terms, positions))
        while len(self._blocks) > 1 and len(self._blocks[-2].positions) <= 2 * len(self._blocks[-1].positions):
            pieces = [block.rows() for block in self._blocks[-2:]]
            self._blocks[-2:] = [_block(*(np.concatenate(column) for column in zip(*pieces, strict=True)))]

    def of(self, terms: Any) -> Any:
        """Return the positions of the series that have one of ``terms``, in no order; int32."""
        if not len(terms) or not self._blocks:
            return _NONE
        return np.concatenate([block.of(terms) for block in self._blocks])


def _block(terms: Any, positions: Any) -> _Block:
    order = np.lexsort((positions, terms))
    terms = terms[order]
    firsts = np.flatnonzero(np.concatenate(([True], terms[1:] != terms[:-1])))
    starts = np.append(firsts, len(terms)).astype(np.int32)
    return _Block(terms[firsts].astype(np.int32), starts, positions[order].astype(np.int32))
