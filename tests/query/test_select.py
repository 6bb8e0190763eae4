import math
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from firstlight.app.lake import Lake
from firstlight.errors import QueryError, StorageError
from firstlight.model import Batch, Matcher, Resource, Series, named
from firstlight.query.select import SeriesSamples
from firstlight.store.layout import Layout
from firstlight.store.seal import Sealer

S = 10**9
HOUR_NS = 3600 * S
START_NS = 1_760_000_000 * S // HOUR_NS * HOUR_NS
HOSTS = [f"h{n}" for n in range(40)]
ODD = [
    struct.unpack("<d", struct.pack("<Q", bits))[0]
    for bits in (0x7FF0_0000_0000_0002, 0x7FF8_0000_0000_1234, 0xFFF8_0000_0000_0000, 1 << 63)
] + [math.inf, -math.inf, 5e-324, 0.1 + 0.2]


def series(name: str, host: str) -> Series:
    return Series(name, (("host", host),), "fleet")


def put(lake: Lake, rows: list[tuple[Series, int, float]]) -> None:
    batch = Batch(Resource("fleet"))
    for one, time_ns, value in rows:
        batch.add_sample(one, time_ns, value)
    lake.append([batch])


def seal_all(path: Path) -> None:
    """Seal what closed lakes left in ``path``."""
    assert Sealer(Layout(path)).seal() is not None


def bits(values: object) -> list[int]:
    return list(np.asarray(values, np.float64).view(np.int64).tolist())


def shown(found: list[SeriesSamples]) -> dict[str, list[tuple[int, float]]]:
    return {
        dict(one.series.labels)["host"]: list(zip(one.times_ns.tolist(), one.values.tolist(), strict=True))
        for one in found
    }


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lake, dict[tuple[str, int], float]]]:
    """A lake with three segments, out of order and overlapping, and a tail; and what it should hold."""
    path = tmp_path_factory.mktemp("mixed")
    kept: dict[tuple[str, int], float] = {}
    rng = np.random.default_rng(7)
    for part in range(4):
        with Lake.open(path, maintain=False) as lake:
            for _ in range(3):
                rows = [
                    (series("load", HOSTS[rng.integers(0, 40)]), START_NS + int(rng.integers(0, 200)) * S // 7, n / 4)
                    for n in range(500)
                ]
                put(lake, rows)
                kept.update({(dict(one.labels)["host"], time_ns): value for one, time_ns, value in rows})
        if part < 3:
            seal_all(path)
    with Lake.open(path, read_only=True) as lake:
        assert lake.stats()["tail_samples"] == 1500
        yield lake, kept


@pytest.mark.parametrize("hosts", [HOSTS[:1], HOSTS[3:9], HOSTS])
@pytest.mark.parametrize(("start_s", "end_s"), [(0, 100), (5, 12), (12, 12)])
def test_each_series_has_its_rows_in_order_and_the_last_written_wins(
    mixed: tuple[Lake, dict[tuple[str, int], float]], hosts: list[str], start_s: int, end_s: int
) -> None:
    lake, kept = mixed
    start_ns, end_ns = START_NS + start_s * S, START_NS + end_s * S
    found = lake.select([Matcher("host", "=~", "|".join(hosts))], start_ns, end_ns)
    wanted: dict[str, list[tuple[int, float]]] = {}
    for (host, time_ns), value in sorted(kept.items()):
        if host in hosts and start_ns <= time_ns < end_ns:
            wanted.setdefault(host, []).append((time_ns, value))
    assert shown(found) == wanted
    assert all(one.times_ns.flags.c_contiguous and one.values.flags.c_contiguous for one in found)


@pytest.mark.parametrize("before_s", [None, 0, 3, 20.5, 40])
def test_the_last_sample_of_each_series_is_found(
    mixed: tuple[Lake, dict[tuple[str, int], float]], before_s: float | None
) -> None:
    lake, kept = mixed
    before_ns = None if before_s is None else START_NS + int(before_s * S)
    newest = {
        host: (time_ns, value)
        for (host, time_ns), value in sorted(kept.items())
        if before_ns is None or time_ns < before_ns
    }
    found = lake.last(named("load"), before_ns)
    assert {dict(one.series.labels)["host"]: (one.time_ns, one.value) for one in found} == newest


@pytest.mark.parametrize("step_ns", [1, 1001, 10**3, 10**6, 10**9])
def test_values_come_back_bit_for_bit_hot_and_sealed(tmp_path: Path, step_ns: int) -> None:
    one, times = series("odd", "h0"), [START_NS + n * step_ns for n in range(len(ODD))]
    with Lake.open(tmp_path, maintain=False) as lake:
        put(lake, [(one, t, v) for t, v in zip(times, ODD, strict=True)])
        hot = lake.select(named("odd"), 0, 2**62)[0]
    seal_all(tmp_path)
    with Lake.open(tmp_path, read_only=True) as lake:
        sealed = lake.select(named("odd"), 0, 2**62)[0]
        (last,) = lake.last(named("odd"))
    for found in (hot, sealed):
        assert bits(found.values) == bits(ODD)
        assert found.times_ns.tolist() == times
    assert (last.time_ns, last.value) == (times[-1], ODD[-1])


def test_series_are_chosen_by_matchers_and_field(tmp_path: Path) -> None:
    with Lake.open(tmp_path, maintain=False) as lake:
        bucket = Series("took", (("le", "1"),), "fleet", field="bucket")
        put(lake, [(series("load", "a"), START_NS, 1), (series("load", "b"), START_NS, 2), (bucket, START_NS, 3)])

        def values(*matchers: Matcher, field: str | None = "value") -> list[float]:
            return sorted(one.values[0] for one in lake.select(matchers, 0, 2**62, field))

        assert values() == [1, 2]
        assert values(Matcher("host", "!=", "a")) == [2]
        assert values(Matcher("service", "=", "fleet"), field=None) == [1, 2, 3]
        assert values(*named("took"), field="bucket") == [3]
        assert values(*named("nothing")) == []
        with pytest.raises(QueryError):
            values(Matcher("host", "=~", "["))


def test_window_is_a_selection_by_exact_labels(tmp_path: Path) -> None:
    with Lake.open(tmp_path, maintain=False) as lake:
        put(lake, [(series("load", "a"), START_NS + n, n) for n in range(5)])
        put(lake, [(series("load", "b"), START_NS, 9)])
        assert lake.window("load", START_NS + 1, START_NS + 3, {"host": "a"}) == [
            (series("load", "a"), [START_NS + 1, START_NS + 2], [1.0, 2.0])
        ]


def test_a_segment_that_was_replaced_is_looked_for_again(tmp_path: Path) -> None:
    with Lake.open(tmp_path, maintain=False) as lake:
        put(lake, [(series("load", "a"), START_NS, 1.0)])
    seal_all(tmp_path)
    with Lake.open(tmp_path, read_only=True) as lake:
        (segment,) = Layout(tmp_path).table_dir("samples").glob("*.parquet")
        away = segment.rename(segment.with_suffix(".away"))
        asked = lake._reader.view

        def view_and_put_back() -> object:
            found = asked()
            if away.exists() and len(attempts) == 1:
                away.rename(segment)
            attempts.append(found)
            return found

        attempts: list[object] = []
        lake._reader.view = view_and_put_back  # type: ignore[method-assign, assignment]
        assert len(lake.select(named("load"), 0, 2**62)) == 1
        assert len(attempts) == 2
        segment.rename(away)
        attempts += [None] * 9
        for ask in (lake.last, lambda: lake.sql("SELECT sum(value) FROM samples")):
            lake._reader.samples.__init__()  # type: ignore[misc]
            with pytest.raises(StorageError, match="cannot read a segment"):
                ask()


def test_a_damaged_segment_is_left_out_and_said_to_be(tmp_path: Path) -> None:
    with Lake.open(tmp_path, maintain=False) as lake:
        put(lake, [(series("load", "a"), START_NS + n, math.pi * n) for n in range(1000)])
    seal_all(tmp_path)
    with Lake.open(tmp_path, maintain=False) as lake:
        put(lake, [(series("load", "a"), START_NS + 1000, 7.0)])
    (segment,) = Layout(tmp_path).table_dir("samples").glob("*.parquet")
    data = bytearray(segment.read_bytes())
    for at in range(4, len(data) // 2):
        data[at] ^= 0xFF
    segment.write_bytes(data)
    asked: list[Callable[[Lake], int]] = [
        lambda lake: len(lake.select(named("load"), 0, 2**62)[0].values),
        lambda lake: len(lake.last()) + len(lake.last(before_ns=START_NS + 1000)),
        lambda lake: int(lake.aggregate(named("load"), START_NS, START_NS + S, S, "count")[0].values[0]),
        lambda lake: int(lake.sql("SELECT count(*) FROM metrics").rows[0][0]),
    ]
    for ask in asked:
        with Lake.open(tmp_path, read_only=True) as lake:
            assert ask(lake) == 1
            assert lake.stats()["damaged_segments"] == 1
