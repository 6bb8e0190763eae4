"""Which texts contain what is looked for."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from firstlight.errors import QueryError
from firstlight.store.blocks import Blocks
from firstlight.store.text_index import text_bytes

_WORDS = re.compile(r"\w+")
_EDGE = r"[^\pL\pN_]"
_COMMON_SHARE = 16
"""A text that one row in so many has is looked for row by row: jumping from find to find would be slower."""


@dataclass(frozen=True)
class TextMatch:
    """What is looked for.

    Attributes:
        needles: texts that must all be there.
        words: each of them only as a whole word (letters, digits and ``_``).
        ignore_case: letters of either case are alike.
        columns: where to look; each needle may be in any of them.
    """

    needles: tuple[str, ...]
    words: bool
    ignore_case: bool
    columns: tuple[str, ...]

    def candidates(self, blocks: Blocks) -> Any:
        """Return for each block whether it may have such a row."""
        possible = np.ones(len(blocks.begins_us), bool)
        for needle in self.needles:
            possible &= np.logical_or.reduce(
                [blocks.candidates(column, needle, ignore_case=self.ignore_case) for column in self.columns]
            )
        return possible

    def rows(self, table: pa.Table) -> Any:
        """Return for each row of ``table`` whether it is one."""
        columns = [table[name] for name in self.columns]
        rows = np.arange(table.num_rows)
        for needle in self.needles:
            if len(rows) < table.num_rows:
                columns = [table[name].take(pa.array(rows)) for name in self.columns]
            rows = rows[np.logical_or.reduce([self._rows_with(column, needle) for column in columns])]
        found = np.zeros(table.num_rows, bool)
        found[rows] = True
        return found

    def _rows_with(self, column: pa.ChunkedArray, needle: str) -> Any:
        masks = [self._in_chunk(chunk, needle) for chunk in column.chunks]
        return np.concatenate(masks) if masks else np.zeros(0, bool)

    def _in_chunk(self, texts: pa.Array, needle: str) -> Any:
        if pa.types.is_dictionary(texts.type):
            in_dictionary = np.append(self._in_chunk(texts.dictionary, needle), False)
            return in_dictionary[texts.indices.fill_null(len(texts.dictionary)).to_numpy()]
        if self.ignore_case:
            found = _bools(pc.match_substring(texts, needle, ignore_case=True))
        else:
            found = _holding(texts, needle)
        return self._with_whole_words(texts, needle, found) if self.words else found

    def _with_whole_words(self, texts: pa.StringArray, word: str, found: Any) -> Any:
        rows = np.flatnonzero(found)
        pattern = f"(^|{_EDGE}){word}($|{_EDGE})"
        whole = pc.match_substring_regex(texts.take(pa.array(rows)), pattern, ignore_case=self.ignore_case)
        found[rows] = _bools(whole)
        return found


def text_match(text: str, *, words: bool, ignore_case: bool, columns: Sequence[str]) -> TextMatch:
    """Return what ``text`` asks for.

    Args:
        text: a part of what shall be found, or words of it.
        words: find rows that have each word of ``text``, wherever, instead of ``text`` as it is.
        ignore_case: letters of either case are alike.
        columns: where to look.

    Raises:
        QueryError: there is nothing to look for.
    """
    # The longest first: it is likely to be in the fewest rows, and the others are looked for in those only.
    needles = tuple(sorted(set(_WORDS.findall(text)), key=lambda word: (-len(word), word))) if words else (text,)
    if not all(needles) or not needles:
        raise QueryError("there is nothing to look for; give a text with at least one letter or digit")
    if not text.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise QueryError("the text has halves of UTF-16 pairs, which no stored text has")
    return TextMatch(needles, words, ignore_case, tuple(columns))


def _holding(texts: pa.StringArray, needle: str) -> Any:
    """Return which texts contain ``needle``: a search through the bytes of all of them at once."""
    data, wanted = text_bytes(texts), needle.encode()
    found = np.zeros(len(texts), bool)
    at = data.find(wanted)
    if at < 0:
        return found
    ends = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1]
    ends = ends[1:] - ends[0]
    for _ in range(len(texts) // _COMMON_SHARE + 1):
        row = int(np.searchsorted(ends, at, side="right"))
        is_inside = at + len(wanted) <= ends[row]
        found[row] |= is_inside
        at = data.find(wanted, int(ends[row]) if is_inside else at + 1)
        if at < 0:
            return found & _bools(texts.is_valid())
    return _bools(pc.match_substring(texts, needle))


def _bools(values: Any) -> Any:
    return values.fill_null(False).to_numpy(zero_copy_only=False)
