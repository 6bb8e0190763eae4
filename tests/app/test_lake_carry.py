"""Out of a lake and into another one: what a format can carry comes back bit for bit."""

from pathlib import Path

import pytest

from firstlight.app.exports.wanted import Wanted
from firstlight.app.imports.inputs import find
from firstlight.app.imports.wanted import Wanted as Read
from firstlight.app.lake_export import export
from firstlight.app.lake_import import import_into
from firstlight.model.selector import parse_selector
from tests.app import carried


def carried_by(source: Path, tmp_path: Path, name: str, chosen: str) -> tuple[Path, object, object]:
    target = tmp_path / "out"
    target.mkdir()
    written = export(source, f"{target}/{name}", Wanted(chosen))  # type: ignore[arg-type]
    read = import_into(tmp_path / "other", find([str(target)]), Read())
    assert read.bad == []
    return tmp_path / "other", written, read


@pytest.mark.parametrize("sealed", [True, False], ids=["half-sealed", "hot"])
@pytest.mark.parametrize(
    ("name", "chosen"),
    [("all.jsonl", "jsonl"), ("all.jsonl.gz", "jsonl"), ("all.jsonl.zst", "jsonl"), ("", "jsonl"), ("", "parquet")],
)
def test_json_lines_and_parquet_lose_nothing(tmp_path: Path, name: str, chosen: str, sealed: bool) -> None:
    source = carried.make(tmp_path / "lake", sealed=sealed)
    other, written, read = carried_by(source, tmp_path, name, chosen)
    assert carried.rows(other) == carried.rows(source)
    assert written.rows == {"events": 300, "spans": 2, "samples": 115, "exponential": 1}
    assert (read.events, read.spans, read.samples, read.exponential) == (300, 2, 115, 1)
    assert (read.oldest_ns, written.left_out) == (carried.BASE_NS, {})


def finite(rows: list[tuple]) -> list[tuple]:
    return [row for row in rows if row[-1][6:] not in (b"\xf0\x7f", b"\xf0\xff", b"\xf8\x7f")]


def test_csv_keeps_samples_but_for_the_payload_of_nan_and_descriptions(tmp_path: Path) -> None:
    source = carried.make(tmp_path / "lake", sealed=True)
    other, written, _ = carried_by(source, tmp_path, "", "csv")
    before, after = carried.rows(source)["samples"], carried.rows(other)["samples"]
    assert len(after) == len(before)
    assert [(row[0], row[2]) for row in after] == [(row[0], row[2]) for row in before]
    assert finite([(row[0], *row[3:]) for row in after]) == finite([(row[0], *row[3:]) for row in before])
    assert written.left_out == {"spans": 2, "exponential": 1}


def test_line_protocol_keeps_finite_samples_by_name_labels_and_nanosecond(tmp_path: Path) -> None:
    source = carried.make(tmp_path / "lake", sealed=True)
    other, written, read = carried_by(source, tmp_path, "all.lp", "influx")
    assert written.left_out == {"samples": 4}
    assert (read.events, read.spans) == (300, 2)
    kept = {(row[0], row[1].name, row[1].service, row[-1]) for row in finite(carried.rows(source)["samples"])}
    found = {(row[0], row[1].name, row[1].service, row[-1]) for row in carried.rows(other)["samples"]}
    # A label's line break becomes a space there; the exponential histogram comes back in classic buckets.
    assert kept <= found
    assert {name for _, name, _, _ in found - kept} == {"spread"}


@pytest.mark.parametrize(
    ("name", "chosen", "unit_ns"), [("all.om", "openmetrics", 1), ("all.prom", "prometheus", 10**6)]
)
def test_the_texts_of_prometheus_keep_values_and_times(tmp_path: Path, name: str, chosen: str, unit_ns: int) -> None:
    source = carried.make(tmp_path / "lake", sealed=True)
    other, written, read = carried_by(source, tmp_path, name, chosen)
    names = {"temp.celsius": "temp_celsius"}
    before = carried.rows(source)["samples"]
    wanted = sorted(
        (row[0] // unit_ns * unit_ns, names.get(row[1].name, row[1].name), row[1].field, row[1].kind) for row in before
    )
    assert sorted((row[0], row[1].name, row[1].field, row[1].kind) for row in carried.rows(other)["samples"]) == wanted
    assert read.samples == written.rows["samples"] == 115
    assert written.left_out == {}


def test_only_what_is_asked_for_is_written(tmp_path: Path) -> None:
    source = carried.make(tmp_path / "lake", sealed=True)
    some = Wanted("jsonl", ("metrics",), matchers=(parse_selector('took{le=~".*"}'), parse_selector('{room=~"a.*"}')))
    assert export(source, str(tmp_path / "some.jsonl"), some).rows == {"samples": 15}
    start = carried.BASE_NS + 10 * 1_000_000_007
    window = Wanted("jsonl", ("events",), start, start + 1_000_000_007 * 5)
    assert export(source, str(tmp_path / "window.jsonl"), window).rows == {"events": 5}
    one = Wanted("openmetrics", ("metrics",), matchers=(parse_selector("hits_total"),))
    assert export(source, str(tmp_path / "one.om"), one).rows == {"samples": 100}


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    source = carried.make(tmp_path / "lake", sealed=True)
    damaged = next((source / "data" / "main" / "events").glob("*.parquet"))
    content = bytearray(damaged.read_bytes())
    content[len(content) // 3] ^= 0xFF
    damaged.write_bytes(bytes(content))
    before = tmp_path / "all.jsonl"
    before.write_text("what was there\n")
    with pytest.raises(Exception, match=damaged.name):
        export(source, str(before), Wanted("jsonl"))
    assert before.read_text() == "what was there\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.jsonl", "lake"]
