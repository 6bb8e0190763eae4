"""Looking for events by a text: the question as programs ask it, the answer as rows like those of SQL."""

import threading
from collections.abc import Sequence
from typing import TypedDict

import pyarrow as pa

from firstlight.model import Level, level_name
from firstlight.query.event_search import EventSearch, EventSearcher, Patience
from firstlight.query.newest import times_ns
from firstlight.query.rows import RowSet
from firstlight.query.text_match import text_match
from firstlight.store import schema
from firstlight.store.reader import DEFAULT_TIME_LIMIT_S, LakeReader

DEFAULT_LIMIT = 100
_COLUMNS = ("name", "body")
_FOREVER_NS = 2**63 - 1


class SearchOptions(TypedDict, total=False):
    """How to search for events.

    Attributes:
        limit: hits at most, the newest ones; 100 unless given.
        words: find events that have each word of the text, wherever, instead of the text as it is.
        ignore_case: letters of either case are alike.
        attributes: look into the attributes, which are JSON text, as well as the name and the body.
        level: OTLP severity number; this one and louder.
        subsystem: only of this one.
        service: only of this one.
    """

    limit: int
    words: bool
    ignore_case: bool
    attributes: bool
    level: int
    subsystem: str
    service: str


class EventFinder:
    """Looks for events in a lake; many threads may use it.

    Args:
        reader: the lake.
        time_limit_s: a search that takes longer is stopped.
    """

    def __init__(self, reader: LakeReader, time_limit_s: float = DEFAULT_TIME_LIMIT_S) -> None:
        self._reader = reader
        self._searcher = EventSearcher(reader)
        self._time_limit_s = time_limit_s

    def find(
        self,
        text: str,
        start_ns: int | None,
        end_ns: int | None,
        options: SearchOptions,
        cancel: threading.Event | None = None,
    ) -> RowSet:
        """Return the newest events in ``[start_ns, end_ns)`` with ``text``, newest first; see :class:`SearchOptions`.

        Damaged segments are left out; the answer's warnings name them.

        Raises:
            QueryError: the text is empty, the search took too long, or ``cancel`` was set.
            StorageError: segments cannot be read.
        """
        wanted = _search(text, *_stretch(start_ns, end_ns), options)
        table, more = self._searcher.run(wanted, Patience(self._time_limit_s, cancel))
        return _as_sql_shows(table, truncated=more, warnings=self._reader.missing(["events"]))


def _stretch(start_ns: int | None, end_ns: int | None) -> tuple[int, int]:
    return 0 if start_ns is None else start_ns, _FOREVER_NS if end_ns is None else end_ns


def _search(text: str, start_ns: int, end_ns: int, options: SearchOptions) -> EventSearch:
    columns = (*_COLUMNS, "attributes") if options.get("attributes") else _COLUMNS
    words, ignore_case = options.get("words", False), options.get("ignore_case", False)
    given = {"subsystem": options.get("subsystem", ""), "service": options.get("service", "")}
    return EventSearch(
        text_match(text, words=words, ignore_case=ignore_case, columns=columns),
        start_ns,
        end_ns,
        options.get("limit", DEFAULT_LIMIT),
        options.get("level", 0),
        {column: value for column, value in given.items() if value},
    )


def _as_sql_shows(table: pa.Table, *, truncated: bool, warnings: Sequence[str]) -> RowSet:
    """Return rows of the ``events`` table with the columns that SQL shows."""
    levels = [level_name(number or Level.INFO) for number in table["level_number"].to_pylist()]
    shown = (
        table.add_column(1, "time_ns", pa.array(times_ns(table)))
        .add_column(2, "level", pa.array(levels, pa.string()))
        .drop_columns(["ns"])
    )
    types = [_SQL_NAMES.get(field.type) or schema.SQL_TYPES[field.type] for field in shown.schema]
    return RowSet(shown, types, truncated=truncated, warnings=warnings)


_SQL_NAMES = {schema.TIME: "TIMESTAMP WITH TIME ZONE"}
