import csv
from pathlib import Path

from firstlight.codecs import csv as codec
from firstlight.export.csv import CsvExporter
from firstlight.export.files import FilePolicy
from firstlight.model import Batch, Event, Resource
from firstlight.testing import check_exporter, sample_batch


def rows(directory: Path, stem: str) -> list[dict[str, str]]:
    found = []
    for path in sorted((directory / "csv").glob(f"{stem}-*.csv")):
        with path.open(newline="") as file:
            found += csv.DictReader(file)
    return found


def test_it_keeps_the_contract(tmp_path: Path) -> None:
    check_exporter(lambda: CsvExporter(tmp_path))
    assert [row["event_type"] for row in rows(tmp_path, "events")] == ["order_paid", ""] * 2
    assert len(rows(tmp_path, "metrics")) == 12


def test_each_file_has_the_names_once_and_other_programs_read_it(tmp_path: Path) -> None:
    exporter = CsvExporter(tmp_path, FilePolicy(rotate_bytes=300))
    batch = Batch(Resource("=cmd()"))
    batch.events.append(Event(1, 'say "x"', body="two\nlines, here", attributes={"a": [1, {"b": None}]}))
    for _ in range(3):
        exporter.export(batch)
    exporter.close()
    assert len(list((tmp_path / "csv").iterdir())) == 3
    for row in rows(tmp_path, "events"):
        assert (row["event_type"], row["message"]) == ('say "x"', "two\nlines, here")
        assert row["service"] == "'=cmd()"
    for path in (tmp_path / "csv").iterdir():
        assert codec.decode_events(path.read_bytes())[0].resource.service == "=cmd()"


def test_the_guard_can_be_switched_off(tmp_path: Path) -> None:
    exporter = CsvExporter(tmp_path, guard=False)
    exporter.export(sample_batch(Resource("=x")))
    exporter.close()
    assert {row["service"] for row in rows(tmp_path, "events")} == {"=x"}
