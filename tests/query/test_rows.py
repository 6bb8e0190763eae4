import math
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator

import pyarrow as pa
import pytest

from firstlight.app.lake import Lake
from firstlight.errors import PluginError, QueryError
from firstlight.model import Batch, Resource, Series
from tests.query.test_select import ODD, bits
from tests.query.test_sql import ENDLESS

LARGE = 2**62 + 1
EXACT = f"""
SELECT value, {LARGE}::BIGINT AS large, NULL::BIGINT AS none, labels, 1.10::DECIMAL(9, 2) AS price, sum({LARGE}) OVER ()
AS total FROM metrics ORDER BY time_ns
"""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with Lake.open(tmp_path_factory.mktemp("lake"), maintain=False) as opened:
        batch = Batch(Resource("shop"))
        for n, value in enumerate(ODD):
            batch.add_sample(Series("odd", (("n", "1"),)), time.time_ns() + n, value)
        opened.append([batch])
        yield opened


def test_an_arrow_table_has_every_value_as_it_is(lake: Lake) -> None:
    table = lake.sql(EXACT).arrow()
    assert isinstance(table, pa.Table)
    assert bits(table["value"].to_numpy()) == bits(ODD)
    assert table["large"].to_pylist() == [LARGE] * len(ODD)


def test_polars_and_pandas_get_the_same_values(lake: Lake) -> None:
    found = lake.sql(EXACT)
    polars, pandas = found.polars(), found.pandas()
    assert bits(polars["value"].to_numpy()) == bits(ODD)
    assert bits(pandas["value"].to_numpy(dtype=float)) == bits(ODD)
    assert polars["large"].to_list() == pandas["large"].tolist() == [LARGE] * len(ODD)
    assert list(polars.columns) == list(pandas.columns) == list(found.columns)
    assert pandas["none"].isna().all()


def test_dicts_are_plain_python(lake: Lake) -> None:
    row = lake.sql(EXACT, limit=1).dicts()[0]
    assert math.isnan(row.pop("value"))
    assert str(row.pop("price")) == "1.10"
    assert row == {"large": LARGE, "none": None, "labels": {"n": "1"}, "total": LARGE * len(ODD)}


def test_an_empty_answer_has_its_columns(lake: Lake) -> None:
    found = lake.sql("SELECT name, value FROM metrics WHERE name = 'no'")
    assert (len(found), found.rows, found.columns, found.types) == (0, [], ["name", "value"], ["VARCHAR", "DOUBLE"])
    assert found.polars().shape == (0, 2)


@pytest.mark.parametrize("package", ["polars", "pandas"])
def test_a_missing_package_is_named(lake: Lake, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(PluginError, match=f"pip install {package}"):
        getattr(lake.sql("SELECT 1"), package)()


def test_a_statement_may_have_less_time_than_others(lake: Lake) -> None:
    with pytest.raises(QueryError, match=r"longer than 0\.2 s"):
        lake.sql(ENDLESS, time_limit_s=0.2)


def test_a_statement_may_have_less_memory_than_others(lake: Lake) -> None:
    large = "SELECT length(string_agg(repeat('x', 100000) || range)) FROM range(200)"
    assert lake.sql(large).rows[0][0] > 2 * 10**7
    with pytest.raises(QueryError, match="memory"):
        lake.sql(large, memory_limit_bytes=16 * 2**20)
    assert lake.sql("SELECT count(*) FROM metrics", memory_limit_bytes=16 * 2**20).rows == [(len(ODD),)]


def test_an_interrupt_from_the_keyboard_stops_a_statement(lake: Lake) -> None:
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        lake.sql(ENDLESS, time_limit_s=60)
    timer.join()
    assert lake.sql("SELECT 1").rows == [(1,)]
