"""Texts and pairs of label and value as small numbers, each kept once."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from firstlight.errors import QueryError
from firstlight.store.columns import raw
from firstlight.store.growing import GrowingArray, NumberMap

_META = frozenset("\\.+*?()[]{}^$")
_NONE = np.empty(0, np.int32)


class Texts:
    """Every text that occurs, by number; 0 is the empty one."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {"": 0}
        self._texts: list[str] = [""]

    def __getitem__(self, code: int) -> str:
        return self._texts[code]

    def find(self, text: str) -> int:
        """Return the number of ``text``, -1 when it never occurred."""
        return self._codes.get(text, -1)

    def code(self, text: str) -> int:
        """Return the number of ``text``, a new one if need be."""
        code = self._codes.setdefault(text, len(self._texts))
        if code == len(self._texts):
            self._texts.append(text)
        return code

    def encode(self, column: pa.Array) -> Any:
        """Return the number of each text of ``column`` (NULL is the empty one); int32."""
        if column.null_count:
            column = pc.fill_null(column, "")
        encoded = column.dictionary_encode()
        codes = np.fromiter(map(self.code, encoded.dictionary.to_pylist()), np.int32, len(encoded.dictionary))
        return codes[raw(encoded.indices, np.int32)] if len(codes) else _NONE

    def decode(self, codes: Iterable[int]) -> list[str]:
        """Return the texts with these numbers."""
        texts = self._texts
        return [texts[code] for code in codes]


class Terms:
    """Every pair of a label and its value that occurs, by number.

    Args:
        texts: the numbers of labels and values.
    """

    def __init__(self, texts: Texts) -> None:
        self._texts = texts
        self._known = NumberMap()
        self._labels, self._values = GrowingArray(np.int32), GrowingArray(np.int32)
        self._of_label: dict[int, GrowingArray] = {}
        self._searchable: dict[int, list[pa.Array]] = {}

    def encode(self, labels: Any, values: Any) -> Any:
        """Return the number of each pair of text numbers, a new one if need be; int32."""
        pairs, which = np.unique((labels.astype(np.int64) << 32) | values, return_inverse=True)
        terms = self._known.find(pairs)
        fresh = np.flatnonzero(terms < 0)
        if len(fresh):
            terms[fresh] = np.arange(len(self._labels), len(self._labels) + len(fresh))
            self._add(pairs[fresh], terms[fresh])
        return terms[which]

    def codes(self) -> tuple[Any, Any]:
        """Return the numbers of each pair's label and value."""
        return self._labels.all, self._values.all

    def labels(self) -> list[str]:
        """Return every label that occurs."""
        return self._texts.decode(self._of_label)

    def of_label(self, label: str) -> Any:
        """Return all pairs of ``label``; int32."""
        found = self._of_label.get(self._texts.find(label))
        return _NONE if found is None else found.all

    def equal(self, label: str, values: Iterable[str]) -> Any:
        """Return the pairs of ``label`` with one of ``values``; int32."""
        key = self._texts.find(label)
        codes = [code for code in map(self._texts.find, values) if code >= 0]
        if key < 0 or not codes:
            return _NONE
        found = self._known.find(np.array([(key << 32) | code for code in codes], np.int64))
        return np.sort(found[found >= 0])

    def matching(self, label: str, expression: str) -> Any:
        """Return the pairs of ``label`` whose whole value matches an RE2 expression; int32.

        Raises:
            QueryError: it is no such expression.
        """
        if not _META.intersection(expression):
            return self.equal(label, expression.split("|"))
        terms = self.of_label(label)
        return terms[matches(self._searched(label, terms), expression)] if len(terms) else _NONE

    def _searched(self, label: str, terms: Any) -> pa.Array:
        """Return the values of ``terms`` as Arrow text; kept, since it takes longer than the search itself."""
        pieces = self._searchable.setdefault(self._texts.find(label), [])
        there = sum(map(len, pieces))
        if there < len(terms):
            pieces.append(pa.array(self._texts.decode(self._values.all[terms[there:]].tolist()), pa.string()))
            if len(pieces) > 1:
                pieces[:] = [pa.concat_arrays(pieces)]
        return pieces[0]

    def _add(self, pairs: Any, terms: Any) -> None:
        labels = pairs >> 32
        self._known.add(pairs, terms)
        self._labels.append(labels)
        self._values.append(pairs & 0xFFFF_FFFF)
        # Pairs come sorted, so those of one label are neighbours.
        firsts = np.flatnonzero(np.concatenate(([True], labels[1:] != labels[:-1])))
        for label, some in zip(labels[firsts].tolist(), np.split(terms, firsts[1:]), strict=True):
            self._of_label.setdefault(label, GrowingArray(np.int32)).append(some)


def matches(values: pa.Array, expression: str) -> Any:
    """Return whether each whole value matches an RE2 expression, as Prometheus anchors it; bool.

    Raises:
        QueryError: it is no such expression.
    """
    try:
        return pc.match_substring_regex(values, f"^(?s:{expression})$").to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid as error:
        raise QueryError(f"{expression!r} is no regular expression in RE2's syntax: {error}") from error
