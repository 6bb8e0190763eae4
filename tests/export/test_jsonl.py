import json
from itertools import chain
from pathlib import Path

import pytest

from firstlight.codecs import jsonl
from firstlight.errors import FirstlightError, Unavailable
from firstlight.export.files import FilePolicy
from firstlight.export.jsonl import JsonLinesExporter, encode
from firstlight.model import Batch, Event, EventColumns, Resource
from firstlight.testing import check_exporter, sample_batch


def rows(directory: Path, stem: str) -> list[dict]:
    paths = sorted((directory / "json").glob(f"{stem}-*.jsonl"))
    return [json.loads(line) for line in chain.from_iterable(path.read_text().splitlines() for path in paths)]


def test_it_keeps_the_contract(tmp_path: Path) -> None:
    check_exporter(lambda: JsonLinesExporter(tmp_path))
    assert [row["event_type"] for row in rows(tmp_path, "events")] == ["order_paid", ""] * 2
    assert [row["operation"] for row in rows(tmp_path, "spans")] == ["pay", "pay"]
    assert len(rows(tmp_path, "metrics")) == 12


def test_no_file_without_rows(tmp_path: Path) -> None:
    exporter = JsonLinesExporter(tmp_path)
    exporter.export(Batch(Resource()))
    exporter.close()
    assert list(tmp_path.iterdir()) == []


def test_a_batch_that_failed_half_way_is_written_once(tmp_path: Path) -> None:
    exporter = JsonLinesExporter(tmp_path)
    blocked = exporter._files["spans"]
    blocked._directory = tmp_path / "blocked"
    blocked._directory.write_bytes(b"")
    batch = sample_batch()
    for _ in range(2):
        with pytest.raises(Unavailable):
            exporter.export(batch)
    blocked._directory = tmp_path / "json"
    exporter.export(batch)
    exporter.export(sample_batch())
    exporter.close()
    assert len(rows(tmp_path, "events")) == 4
    assert len(rows(tmp_path, "spans")) == 2


def test_a_batch_that_has_no_form_does_not_stop_the_next(tmp_path: Path) -> None:
    exporter = JsonLinesExporter(tmp_path, FilePolicy(sync="always"))
    batch = Batch(Resource())
    batch.events.append(Event(0, "odd", attributes={"a": object()}))
    with pytest.raises(FirstlightError, match="cannot be written as JSON"):
        exporter.export(batch)
    exporter.export(sample_batch())
    exporter.close()
    (path,) = (tmp_path / "json").glob("events-*")
    assert [event.name for event in jsonl.decode_events(path.read_bytes())[0].events] == ["order_paid", ""]


def test_columns_are_written_as_rows_are(tmp_path: Path) -> None:
    rows, columns = sample_batch(), sample_batch()
    columns.columns = EventColumns.of(columns.events)
    assert encode(columns)["events"] == encode(rows)["events"] != b""
    assert columns.columns is not None
