"""Lines as dots in cells of characters."""

from typing import Any

import numpy as np

# Dots of a braille character by row and column, as bits of its code point (Unicode 15, block "Braille Patterns").
_BRAILLE = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
_BRAILLE_FIRST = 0x2800


class Raster:
    """Cells that lines are drawn into; the last line drawn owns a cell.

    Args:
        columns: cells side by side.
        rows: cells above each other.
        ascii_only: one dot a cell instead of the eight of a braille character.
    """

    def __init__(self, columns: int, rows: int, *, ascii_only: bool = False) -> None:
        self._ascii_only = ascii_only
        down, across = (1, 1) if ascii_only else _BRAILLE.shape
        self._dots = np.zeros((rows * down, columns * across), bool)
        self._cell = (down, across)
        self.owners = np.full((rows, columns), -1)

    def draw(self, owner: int, across: Any, up: Any) -> None:
        """Draw a line through points at shares 0..1 of the width and of the height from below."""
        height, width = self._dots.shape
        at_x, at_y = np.asarray(across) * (width - 1), (1 - np.asarray(up)) * (height - 1)
        x, y = _dotted(at_x, at_y)
        self._dots[y, x] = True
        self.owners[y // self._cell[0], x // self._cell[1]] = owner

    def characters(self) -> list[list[str]]:
        """Return a character for each cell, row by row from above; a space where there is nothing."""
        rows, columns = self.owners.shape
        if self._ascii_only:
            return [["*" if dot else " " for dot in row] for row in self._dots.tolist()]
        cells = self._dots.reshape(rows, self._cell[0], columns, self._cell[1])
        codes = np.einsum("rdca,da->rc", cells.astype(int), _BRAILLE)
        return [[chr(_BRAILLE_FIRST + code) if code else " " for code in row] for row in codes.tolist()]


def _dotted(at_x: Any, at_y: Any) -> tuple[Any, Any]:
    """Return columns and rows of all dots of the line through the points, each segment without a hole."""
    if len(at_x) == 1:
        return np.rint(at_x).astype(int), np.rint(at_y).astype(int)
    counts = np.ceil(np.maximum(np.abs(np.diff(at_x)), np.abs(np.diff(at_y)))).astype(int) + 1
    segments = np.repeat(np.arange(len(counts)), counts)
    steps = np.arange(len(segments)) - np.repeat(np.cumsum(counts) - counts, counts)
    share = steps / np.maximum(np.repeat(counts, counts) - 1, 1)
    x = at_x[segments] + share * (at_x[segments + 1] - at_x[segments])
    y = at_y[segments] + share * (at_y[segments + 1] - at_y[segments])
    return np.rint(x).astype(int), np.rint(y).astype(int)
