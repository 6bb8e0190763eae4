"""Which series there are: by identity, and by label for those who look for them."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice, starmap
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from firstlight.model import Kind, Matcher, Series, named
from firstlight.store import columns, schema
from firstlight.store.growing import GrowingArray, NumberMap, ranges
from firstlight.store.postings import Postings
from firstlight.store.series_rows import TEXTS, SeriesRows
from firstlight.store.terms import Terms, Texts, matches

_NAME = "__name__"
_IDENTITY = TEXTS[:5]
_METRIC = ("name", "field", "kind")
_MEANING = (*_METRIC, "unit", "description")
_SENDER = ("service", "session_id", "scope")
_MARK = "\0"
# Parts of the identity that matchers reach like labels; a zero byte keeps them apart from labels of these names.
_PARTS = {part: f"{_MARK}{part}" for part in _IDENTITY[1:]}
_LABELS_OF_PARTS = {label: part for part, label in _PARTS.items()}
_MAX_PIECES = 32
_MAX_MADE = 100_000
_ADD_AT_ONCE = 100_000

_Choice = Callable[[str], Any]
"""From a label to the terms of it that are meant."""


class Meaning(NamedTuple):
    """What some series measure, and how many they are."""

    name: str
    field: str
    kind: str
    unit: str
    description: str
    series: int


def part_label(part: str) -> str:
    """Return what a matcher calls a part of the identity (``service`` …) whatever labels a series has."""
    return _PARTS[part]


class SeriesIndex:
    """Every series that this process has seen in a lake; only grows.  Any thread may use it.

    Series are numbered in the order in which they come (their *position*).  What they say lies in columns of small
    numbers, about 100 bytes a series, and 300 for each text that only one series has.

    Attributes:
        collisions: definitions that were refused because another series has the same 64-bit identity.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._positions = NumberMap()
        self._ids = GrowingArray(np.int64)
        self._marks = GrowingArray(np.int64)
        self._texts = Texts()
        self._columns = {name: GrowingArray(np.int32) for name in TEXTS}
        self._terms = Terms(self._texts)
        self._label_ends = GrowingArray(np.int64)
        self._labels = GrowingArray(np.int32)
        self._postings = Postings()
        self._made: dict[int, Series] = {}
        self._listed = 0
        self._pieces: list[pa.Table] = [pa.Table.from_batches([], schema.INDEXED_SERIES)]
        self.collisions = 0

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, definitions: Iterable[tuple[int, Series]]) -> None:
        """Remember series; the first definition of an identity stays."""
        entries = iter(definitions)
        while some := list(islice(entries, _ADD_AT_ONCE)):
            with self._lock:
                self._add(some)

    def add_table(self, table: pa.Table) -> None:
        """Remember series given as rows of the ``series`` table."""
        if not table.num_rows:
            return
        with self._lock:
            rows = SeriesRows(table, self._texts, self._terms)
            _, firsts = np.unique(rows.ids, return_index=True)
            fresh = np.sort(firsts[self._positions.find(rows.ids[firsts]) < 0])
            if len(fresh):
                self._append(rows, fresh)
            self._count_collisions(rows, fresh)

    def all(self) -> Mapping[int, Series]:
        """Return every series by id."""
        return _SeriesById(self)

    def ids(self, positions: Any = None) -> Any:
        """Return the ids of the series at ``positions``, or of all; int64."""
        return self._ids.all if positions is None else self._ids.all[positions]

    def positions(self, ids: Any) -> Any:
        """Return the position of each id, -1 for one that is not known; int32."""
        with self._lock:
            return self._positions.find(ids)

    def at(self, positions: Sequence[int]) -> list[Series]:
        """Return the series at ``positions``."""
        with self._lock:
            made = self._made
            missing = [position for position in positions if position not in made]
            if missing:
                if len(made) + len(missing) > _MAX_MADE:
                    made = self._made = {position: made[position] for position in positions if position in made}
                made.update(zip(missing, self._make(np.array(missing)), strict=True))
            return [made[position] for position in positions]

    def labels(self) -> list[str]:
        """Return the names of all labels, without those of parts of the identity."""
        with self._lock:
            return [label for label in self._terms.labels() if label != _NAME and not label.startswith(_MARK)]

    def metrics(self, since: int = 0) -> list[tuple[str, str, str]]:
        """Return each name, field and kind that a series from position ``since`` on has."""
        with self._lock:
            found, _ = _distinct([self._columns[part].all[since:] for part in _METRIC])
            return list(zip(*(self._texts.decode(one.tolist()) for one in found), strict=True))

    def meanings(self, positions: Any) -> list[Meaning]:
        """Return what the series at ``positions`` mean, each meaning once."""
        with self._lock:
            found, counts = _distinct([self._columns[part].all[positions] for part in _MEANING])
            texts = (self._texts.decode(one.tolist()) for one in found)
            return list(starmap(Meaning, zip(*texts, counts.tolist(), strict=True)))

    def are_bare(self, positions: Any) -> Any:
        """Return which of the series at ``positions`` have the field ``value`` and say nothing of a sender; bool."""
        with self._lock:
            found = self._columns["field"].all[positions] == self._texts.find("value")
            for part in _SENDER:
                found &= self._columns[part].all[positions] == 0
            return found

    def labels_at(self, positions: Any) -> list[str]:
        """Return the names of the labels of the series at ``positions``."""
        with self._lock:
            labels = self._terms.codes()[0][np.unique(self._labels_of(positions)[1])]
            return self._texts.decode(np.unique(labels).tolist())

    def values_at(self, label: str, positions: Any) -> list[str]:
        """Return the values, but empty ones, of ``label`` of the series at ``positions``.

        Args:
            label: also a part of the identity, as :func:`part_label` calls it.
            positions: of the series.
        """
        with self._lock:
            if label in _LABELS_OF_PARTS:
                return self._texts.decode(_not_zero(self._columns[_LABELS_OF_PARTS[label]].all[positions]))
            terms = np.intersect1d(self._terms.of_label(label), self._labels_of(positions)[1])
            return self._texts.decode(_not_zero(self._terms.codes()[1][terms]))

    def pairs(self) -> tuple[Any, Any, Any]:
        """Return the numbers of label and value of each pair (see :meth:`texts`), and how many series have it."""
        with self._lock:
            labels, values = self._terms.codes()
            return labels.copy(), values.copy(), np.bincount(self._labels.all, minlength=len(labels))

    def texts(self, codes: Any) -> list[str]:
        """Return the texts with these numbers."""
        with self._lock:
            return self._texts.decode(codes.tolist())

    def count_named(self, name: str) -> int:
        """Return how many series metric ``name`` has."""
        with self._lock:
            return len(self._postings.of(self._terms.equal(_NAME, [name])))

    def select(self, name: str, field: str, labels: Mapping[str, str]) -> dict[int, Series]:
        """Return the series of metric ``name`` and ``field`` whose labels include ``labels``."""
        found = self.match(named(name, **labels), field)
        return dict(zip(self.ids(found).tolist(), self.at(found.tolist()), strict=True))

    def match(self, matchers: Sequence[Matcher], field: str | None = None) -> Any:
        """Return the positions of the series that meet all ``matchers``, ascending; int64.

        Args:
            matchers: see :class:`firstlight.model.Matcher`.
            field: only series of this field; None for all.

        Raises:
            QueryError: a value is no regular expression.
        """
        with self._lock:
            found = _combined([self._holding(matcher) for matcher in matchers], len(self))
            if field is None:
                return found
            return found[self._columns["field"].all[found] == self._texts.find(field)]

    def table(self) -> pa.Table:
        """Return every series as rows of :data:`firstlight.store.schema.INDEXED_SERIES`; made as far as asked for."""
        with self._lock:
            if self._listed < len(self):
                self._pieces.append(self._rows(np.arange(self._listed, len(self))))
                self._listed = len(self)
            if len(self._pieces) > _MAX_PIECES:
                self._pieces = [pa.concat_tables(self._pieces).unify_dictionaries().combine_chunks()]
            return pa.concat_tables(self._pieces)

    def _rows(self, positions: Any) -> pa.Table:
        lengths, terms = self._labels_of(positions)
        keys, values = (self._column(codes[terms]).cast(pa.string()) for codes in self._terms.codes())
        offsets = pa.array(np.concatenate(([0], np.cumsum(lengths))), pa.int32())
        made = {name: self._column(column.all[positions]) for name, column in self._columns.items()}
        made["series_id"] = pa.array(self._ids.all[positions])
        made["labels"] = pa.MapArray.from_arrays(offsets, keys, values)
        return pa.Table.from_arrays([made[c.name] for c in schema.INDEXED_SERIES], schema=schema.INDEXED_SERIES)

    def _column(self, codes: Any) -> pa.Array:
        used, which = np.unique(codes, return_inverse=True)
        texts = pa.array(self._texts.decode(used.tolist()), pa.string())
        return pa.DictionaryArray.from_arrays(pa.array(which, pa.int32()), texts)

    def _add(self, entries: Sequence[tuple[int, Series]]) -> None:
        """Add what is not there yet; every log file defines its series again, so most of it usually is."""
        ids = np.fromiter((series_id for series_id, _ in entries), np.int64, len(entries))
        marks = np.fromiter((_mark(series) for _, series in entries), np.int64, len(entries))
        positions = self._positions.find(ids)
        is_known = positions >= 0
        is_known[is_known] = self._marks.all[positions[is_known]] == marks[is_known]
        rest = np.flatnonzero(~is_known)
        if not len(rest):
            return
        before = self.collisions
        self.add_table(columns.series_table(entries[at] for at in rest.tolist()))
        if self.collisions == before:
            self._marks.all[self._positions.find(ids[rest])] = marks[rest]

    def _append(self, rows: SeriesRows, fresh: Any) -> None:
        first = len(self._ids)
        positions = np.arange(first, first + len(fresh), dtype=np.int32)
        self._positions.add(rows.ids[fresh], positions)
        self._ids.append(rows.ids[fresh])
        self._marks.append(np.zeros(len(fresh), np.int64))
        for name, column in self._columns.items():
            column.append(rows.codes[name][fresh])
        lengths, labels = rows.labels_of(fresh)
        end = int(self._label_ends.all[-1]) if first else 0
        self._label_ends.append(end + np.cumsum(lengths))
        self._labels.append(labels)
        identity = [self._part_terms(name, rows.codes[name][fresh]) for name in _IDENTITY]
        owners = np.concatenate([np.repeat(positions, lengths), *[positions] * len(identity)])
        self._postings.add(np.concatenate([labels, *identity]), owners)

    def _part_terms(self, part: str, codes: Any) -> Any:
        label = self._texts.code(_PARTS.get(part, _NAME))
        return self._terms.encode(np.full(len(codes), label, np.int32), codes)

    def _count_collisions(self, rows: SeriesRows, fresh: Any) -> None:
        """Compare what was known already with what came."""
        again = np.ones(len(rows.ids), bool)
        again[fresh] = False
        again = np.flatnonzero(again)
        if not len(again):
            return
        positions = self._positions.find(rows.ids[again])
        same = np.ones(len(again), bool)
        for name in _IDENTITY:
            same &= self._columns[name].all[positions] == rows.codes[name][again]
        lengths, labels = rows.labels_of(again)
        ours, our_labels = self._labels_of(positions)
        same &= lengths == ours
        if same.all():
            rows_of_label = np.repeat(np.arange(len(again)), lengths)
            same[rows_of_label[labels != our_labels]] = False
        self.collisions += int(np.count_nonzero(~same))

    def _labels_of(self, positions: Any) -> tuple[Any, Any]:
        ends = self._label_ends.all
        starts = np.where(positions > 0, ends[np.maximum(positions - 1, 0)], 0)
        lengths = ends[positions] - starts
        return lengths, self._labels.all[ranges(starts, lengths)]

    def _holding(self, matcher: Matcher) -> tuple[Any, bool]:
        """Return positions and whether the series at these (or those at all others) meet ``matcher``."""
        negated = matcher.op in {"!=", "!~"}
        choose, is_complement = self._choice(matcher)
        return self._with_value(matcher.label, choose), negated == is_complement

    def _choice(self, matcher: Matcher) -> tuple[_Choice, bool]:
        """Return what finds the terms that meet ``=`` or ``=~``, or (True) those that do not: no label is no term."""
        if matcher.op in {"=~", "!~"}:
            if matches(pa.array([""]), matcher.value)[0]:
                return lambda label: self._not_matching(label, matcher.value), True
            return lambda label: self._terms.matching(label, matcher.value), False
        if matcher.value == "":
            return self._not_empty, True
        return lambda label: self._terms.equal(label, [matcher.value]), False

    def _with_value(self, label: str, choose: _Choice) -> Any:
        """Return the positions of series whose value of ``label`` is among those that ``choose`` returns."""
        found = self._postings.of(choose(label))
        if label not in _PARTS:
            return found
        as_part = self._postings.of(choose(_PARTS[label]))
        labelled = self._postings.of(self._terms.of_label(label))
        return np.concatenate([found, as_part[~_members(labelled, len(self))[as_part]]])

    def _not_empty(self, label: str) -> Any:
        terms = self._terms.of_label(label)
        return terms[self._terms.codes()[1][terms] != 0]

    def _not_matching(self, label: str, expression: str) -> Any:
        terms = self._not_empty(label)
        return np.setdiff1d(terms, self._terms.matching(label, expression), assume_unique=True)

    def _make(self, positions: Any) -> Iterator[Series]:
        texts = {name: self._texts.decode(column.all[positions].tolist()) for name, column in self._columns.items()}
        lengths, terms = self._labels_of(positions)
        pairs = zip(*(self._texts.decode(codes[terms].tolist()) for codes in self._terms.codes()), strict=True)
        labels = [tuple(islice(pairs, length)) for length in lengths.tolist()]
        kinds = map(Kind, texts.pop("kind"))
        for row in zip(labels, kinds, *texts.values(), strict=True):
            yield Series(labels=row[0], kind=row[1], **dict(zip(texts, row[2:], strict=True)))


def _mark(series: Series) -> int:
    """Return a number that two series share by chance only."""
    return hash((series.name, series.field, series.labels, series.service, series.session_id, series.scope))


def _distinct(parts: list[Any]) -> tuple[list[Any], Any]:
    """Return the rows of the columns ``parts`` (int32), each once, and how often each is there."""
    order = np.lexsort(parts)
    rows = [part[order] for part in parts]
    is_first = np.ones(len(order), bool)
    is_first[1:] = np.logical_or.reduce([row[1:] != row[:-1] for row in rows])
    firsts = np.flatnonzero(is_first)
    return [row[firsts] for row in rows], np.diff(firsts, append=len(order))


def _not_zero(codes: Any) -> list[int]:
    found: list[int] = np.unique(codes[codes != 0]).tolist()
    return found


def _members(positions: Any, count: int) -> Any:
    members = np.zeros(count, bool)
    members[positions] = True
    return members


def _combined(found: Sequence[tuple[Any, bool]], count: int) -> Any:
    """Return the positions that are in each of the sets, or out of it where its flag is False."""
    inside = sorted((positions for positions, is_in in found if is_in), key=len)
    chosen = inside[0] if inside else np.arange(count)
    for positions in inside[1:]:
        chosen = chosen[_members(positions, count)[chosen]]
    for positions in (positions for positions, is_in in found if not is_in):
        chosen = chosen[~_members(positions, count)[chosen]]
    return np.sort(chosen).astype(np.int64)


class _SeriesById(Mapping[int, Series]):
    """Series by id, made when they are looked at."""

    def __init__(self, index: SeriesIndex) -> None:
        self._index = index
        self._ids = index.ids()

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[int]:
        return iter(self._ids.tolist())

    def __getitem__(self, series_id: int) -> Series:
        (position,) = self._index.positions(np.array([series_id], np.int64)).tolist()
        if not 0 <= position < len(self._ids):
            raise KeyError(series_id)
        return self._index.at([position])[0]
