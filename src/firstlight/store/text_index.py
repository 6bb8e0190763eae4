"""Which blocks of rows may contain a text: an index of trigrams.

Bytes are folded to 64 classes: letters of either case, digits, the commoner marks, four classes of UTF-8's bytes, the
rest.  Three classes in a row are a trigram; for each trigram of the text there is one bit a block.  Trigrams that more
than half of the blocks have say little and are only noted as present, and so are the commonest ones of a text with so
many different trigrams that the index would outgrow its bound; they never rule a block out.

Source: Russ Cox, Regular Expression Matching with a Trigram Index, 2012, https://swtch.com/~rsc/regexp/regexp4.html
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

GRAM_BYTES = 3
"""Shorter texts are not helped by the index."""

_CLASS_BITS = 6
_GRAMS = 1 << GRAM_BYTES * _CLASS_BITS
_MAX_BITS_PER_ROW = 16
"""Bound of the index, before it is compressed."""

_MARKS = b" .,:;-_/\\\"'()[]{}=+*%"
_UTF8_BEGIN, _UTF8_CLASSES = 0x80, 4
_ODD = (b"\xc5\xbf", b"\xe2\x84\xaa")
"""The long s and the Kelvin sign: beyond ASCII, but the same letters as ASCII's s and k when case is ignored."""


@dataclass(frozen=True, eq=False)
class TextIndex:
    """The trigrams of one column's text by block.

    Attributes:
        blocks: how many there are.
        present: one bit a trigram: whether any block has it.
        grams: those with bits of their own, ascending, uint32.
        bits: (grams, bytes) uint8: one bit a block, the first block highest.
        odd: one bit a block: whether it has letters beyond ASCII that are ASCII's when case is ignored.
    """

    blocks: int
    present: Any
    grams: Any
    bits: Any
    odd: Any

    def candidates(self, needle: str, *, ignore_case: bool = False) -> Any:
        """Return for each block, as bools, whether it may contain ``needle``; never False for one that does."""
        possible = np.full(len(self.odd), 0xFF, np.uint8)
        for gram in _needle_grams(needle.encode(), ascii_only=ignore_case):
            if not self.present[gram >> 3] >> (7 - (gram & 7)) & 1:
                possible = np.zeros_like(possible)
                break
            place = int(np.searchsorted(self.grams, gram))
            if place < len(self.grams) and self.grams[place] == gram:
                possible = possible & self.bits[place]
        if ignore_case:
            possible = possible | self.odd
        return np.unpackbits(possible, count=self.blocks).astype(bool)


class Builder:
    """Makes the index of one column of text, piece by piece.

    Args:
        block_rows: each piece is cut into blocks of so many rows; what is left is a block of its own.
    """

    def __init__(self, block_rows: int) -> None:
        self._block_rows = block_rows
        self._rows = 0
        self._counts = np.zeros(_GRAMS, np.int32)
        self._found: list[Any] = []
        self._odd: list[bool] = []

    def add(self, column: pa.ChunkedArray) -> None:
        """Add the next rows."""
        for begin in range(0, len(column), self._block_rows):
            text = b"".join(text_bytes(chunk) for chunk in column.slice(begin, self._block_rows).chunks)
            grams = _grams(text)
            self._counts[grams] += 1
            self._found.append(_packed(grams))
            self._odd.append(any(letter in text for letter in _ODD))
        self._rows += len(column)

    def index(self) -> TextIndex:
        """Return the index of all rows added."""
        kept = _worth_keeping(self._counts, len(self._found), self._rows)
        present, odd = np.packbits(self._counts > 0), np.packbits(self._odd)
        return TextIndex(len(self._found), present, kept.astype(np.uint32), _bits(self._found, kept), odd)


def _worth_keeping(counts: Any, blocks: int, rows: int) -> Any:
    """Return the trigrams that get bits: those of at most half of the blocks, the rarest first when they are many."""
    rare = np.flatnonzero((counts > 0) & (counts <= blocks // 2))
    most = rows * _MAX_BITS_PER_ROW // max(1, blocks)
    if len(rare) > most:
        rare = np.sort(rare[np.argsort(counts[rare], kind="stable")[:most]])
    return rare


def _bits(found: list[Any], kept: Any) -> Any:
    """Return a row for each kept trigram, with one bit a block."""
    row_of = np.full(_GRAMS, -1, np.int32)
    row_of[kept] = np.arange(len(kept), dtype=np.int32)
    bits = np.zeros((len(kept), (len(found) + 7) // 8), np.uint8)
    for block, packed in enumerate(found):
        rows = row_of[_unpacked(packed)]
        bits[rows[rows >= 0], block >> 3] |= 0x80 >> (block & 7)
    return bits


def _packed(grams: Any) -> Any:
    """Return ``grams``, or where that is smaller one bit for each possible trigram."""
    if grams.nbytes * 8 <= _GRAMS:
        return grams
    seen = np.zeros(_GRAMS, bool)
    seen[grams] = True
    return np.packbits(seen)


def _unpacked(packed: Any) -> Any:
    return packed if packed.dtype == np.uint32 else np.flatnonzero(np.unpackbits(packed))


def text_bytes(texts: pa.StringArray) -> bytes:
    """Return the bytes of an array's texts, one behind the other."""
    _, offsets, data = texts.buffers()
    if data is None or not len(texts):
        return b""
    ends = np.frombuffer(offsets, np.int32)
    begin, end = int(ends[texts.offset]), int(ends[texts.offset + len(texts)])
    return bytes(data[begin:end])


def _grams(text: bytes) -> Any:
    """Return the trigrams of ``text``, ascending, uint32.  Those across two texts only add false hopes."""
    classes = _classes()[np.frombuffer(text, np.uint8)]
    seen = np.zeros(_GRAMS, bool)
    if len(classes) >= GRAM_BYTES:
        high, middle = classes[:-2] << 2 * _CLASS_BITS, classes[1:-1] << _CLASS_BITS
        seen[high | middle | classes[2:]] = True
    return np.flatnonzero(seen).astype(np.uint32)


def _needle_grams(needle: bytes, *, ascii_only: bool) -> list[int]:
    classes = _classes()[np.frombuffer(needle, np.uint8)].tolist()
    return [
        classes[i] << 2 * _CLASS_BITS | classes[i + 1] << _CLASS_BITS | classes[i + 2]
        for i in range(len(needle) - 2)
        if not ascii_only or needle[i : i + GRAM_BYTES].isascii()
    ]


@cache
def _classes() -> Any:
    """Return the class of each byte: int32, so that three of them can be shifted together."""
    classes = np.zeros(256, np.int32)
    known = [*(bytes([c, c ^ 0x20]) for c in range(ord("a"), ord("z") + 1)), *map(_single, b"0123456789" + _MARKS)]
    for number, members in enumerate(known, start=1):
        classes[list(members)] = number
    rest = np.arange(_UTF8_BEGIN, 256)
    classes[rest] = len(known) + 1 + rest % _UTF8_CLASSES
    return classes


def _single(byte: int) -> bytes:
    return bytes([byte])
