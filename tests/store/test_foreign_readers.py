"""Segments are read by engines that know nothing of Firstlight, as docs/lake.md says."""

from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest

from firstlight.app.lake import Lake
from firstlight.model import Batch, Event, Resource, Series, Span
from firstlight.store import schema
from tests.query.test_select import ODD, bits, seal_all

DAY_NS = 86_400 * 10**9
START_NS = 20_000 * DAY_NS
LOAD = Series("load", (("host", "a"),), "fleet")
TIMES_NS = [START_NS + n * 10**6 for n in range(len(ODD))] + [START_NS + DAY_NS + n * 1001 for n in range(len(ODD))]
VALUES = [*ODD, *(n / 100 for n in range(len(ODD)))]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Segments of two days, one of whole milliseconds and one of nanoseconds."""
    path = tmp_path_factory.mktemp("lake")
    with Lake.open(path, maintain=False) as lake:
        batch = Batch(Resource("fleet", host="h"))
        for time_ns, value in zip(TIMES_NS, VALUES, strict=True):
            batch.add_sample(LOAD, time_ns, value)
            batch.events.append(Event(time_ns, "tick", 17, "a", "b", "text é", {"i": 1}))
            batch.spans.append(Span(time_ns, time_ns + 5, "op", "ab" * 16, "cd" * 8))
        lake.append([batch])
    seal_all(path)
    return path / "data" / "main"


def test_duckdb_reads_samples_bit_for_bit(data: Path) -> None:
    with duckdb.connect() as database:
        found = database.execute(
            "SELECT epoch_us(time) * 1000 + ns, coalesce(value_int::DOUBLE / value_divisor, value_double), "
            "labels['host'] "
            f"FROM '{data}/samples/*.parquet' JOIN '{data}/series/*.parquet' USING (series_id) "
            "WHERE name = 'load' ORDER BY 1"
        ).fetchnumpy()
    times_ns, values, hosts = found.values()
    assert times_ns.tolist() == TIMES_NS
    assert bits(values) == bits(VALUES)
    assert set(hosts) == {"a"}


def test_duckdb_reads_events_and_spans(data: Path) -> None:
    with duckdb.connect() as database:
        events = f"SELECT DISTINCT level_number, body, attributes->>'i', host FROM '{data}/events/*.parquet'"
        assert database.execute(events).fetchall() == [(17, "text é", "1", "h")]
        spans = f"SELECT count(*), min(duration_ns) FROM '{data}/spans/*.parquet' WHERE trace_id = '{'ab' * 16}'"
        assert database.execute(spans).fetchall() == [(len(VALUES), 5)]


def test_polars_reads_samples_bit_for_bit(data: Path) -> None:
    paths = sorted(data.glob("samples/*.parquet"))
    assert len(paths) == 2
    samples = pl.concat(
        [pl.read_parquet(path).with_columns(pl.col("time").cast(pl.Datetime("us", "UTC"))) for path in paths]
    ).with_columns(value=pl.coalesce(pl.col("value_int") / pl.col("value_divisor"), "value_double"))
    times_ns = samples["time"].cast(pl.Int64).to_numpy() * 1000 + samples["ns"].to_numpy()
    order = np.argsort(times_ns)
    assert times_ns[order].tolist() == TIMES_NS
    assert bits(samples["value"].to_numpy()[order]) == bits(VALUES)
    assert samples["series_id"].unique().to_list() == [LOAD.id()]
    series = pl.read_parquet(data / "series" / "*.parquet")
    assert series.row(0, named=True)["labels"] == {"host": "a"}


@pytest.mark.parametrize("table", ["samples", "series", "events", "spans"])
def test_a_file_has_the_columns_of_the_schema(data: Path, table: str) -> None:
    for path in data.glob(f"{table}/*.parquet"):
        assert pl.read_parquet_schema(path).keys() == set(schema.TABLES[table].names)
