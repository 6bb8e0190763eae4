from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from firstlight.app.lake import Lake
from firstlight.errors import QueryError
from firstlight.model import Batch, Event, Resource
from firstlight.store import segment
from tests.query.test_select import seal_all

START_NS, END_NS = 1_760_000_000_000_000_000, 1_760_000_000_000_100_000
COLUMNS = ("level", "subsystem", "name")
QUERY = "SELECT {0}, count(*) FROM events WHERE time_ns >= ? AND time_ns < ? GROUP BY ALL"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """Events in two segments of small row groups and in the tail, their times in one another's."""
    path = tmp_path_factory.mktemp("lake")
    rng = np.random.default_rng(1)
    patch = pytest.MonkeyPatch()
    patch.setattr(segment, "ROW_GROUP_ROWS", 64)
    for part in range(3):
        with Lake.open(path, maintain=False) as opened:
            batch = Batch(Resource("shop"))
            for _ in range(500):
                time_ns = int(rng.integers(START_NS, END_NS))
                level = int(rng.integers(1, 25))
                batch.events.append(Event(time_ns, f"e{rng.integers(3)}", level, f"s{rng.integers(4)}"))
            opened.append([batch])
        if part < 2:
            seal_all(path)
    patch.undo()
    with Lake.open(path, read_only=True) as opened:
        yield opened


def by_sql(lake: Lake, start_ns: int, end_ns: int, by: Sequence[str]) -> Counter[tuple[str, ...]]:
    rows = lake.sql(QUERY.format(", ".join(by)) if by else QUERY.replace("{0}, ", ""), [start_ns, end_ns]).rows
    return Counter({tuple(key): count for *key, count in rows if count})


@pytest.mark.parametrize("by", [(), ("level",), ("name", "subsystem"), COLUMNS, ("level_number",), ("service", "host")])
def test_counts_are_those_of_sql(lake: Lake, by: tuple[str, ...]) -> None:
    for start_ns, end_ns in ((START_NS, END_NS), (START_NS + 30_123, START_NS + 71_001), (START_NS, START_NS), (0, 9)):
        for _ in range(2):  # what is kept changes nothing
            assert lake.count_events(start_ns, end_ns, by) == by_sql(lake, start_ns, end_ns, by)


def test_an_unknown_column_is_an_error(lake: Lake) -> None:
    with pytest.raises(QueryError, match="body"):
        lake.count_events(0, 1, ("body",))
