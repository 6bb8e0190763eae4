"""JSON Lines files: ``json/events-*.jsonl``, ``json/spans-*.jsonl`` and ``json/metrics-*.jsonl``."""

from os import PathLike
from pathlib import Path

from firstlight.codecs import jsonl, jsonl_rows
from firstlight.export.files import FileExporter, FilePolicy, Parts, RotatingFile
from firstlight.model import Batch

FOLDER = "json"


class JsonLinesExporter(FileExporter):
    """Writes each batch's rows as JSON Lines below ``directory``.

    Args:
        directory: the folder ``json`` is made in it.
        policy: see :class:`~firstlight.export.files.FilePolicy`.

    Raises:
        UsageError: the policy's compression needs a package that is not installed.
    """

    def __init__(self, directory: str | PathLike[str], policy: FilePolicy | None = None) -> None:
        folder, kept = Path(directory) / FOLDER, policy or FilePolicy()
        files = {stem: RotatingFile(folder, stem, ".jsonl", kept) for stem in ("events", "spans", "metrics")}
        super().__init__(files, encode)


def encode(batch: Batch) -> Parts:
    """Return the lines of ``batch`` by file.

    Raises:
        FirstlightError: something in it has no JSON form.
    """
    return {
        "events": _events(batch),
        "spans": jsonl_rows.encode_spans(batch.spans, batch.resource) if batch.spans else b"",
        "metrics": jsonl_rows.encode_metrics(batch),
    }


def _events(batch: Batch) -> bytes:
    columns = batch.columns
    if columns is not None:
        return jsonl.encode_columns(columns, batch.resource)
    return jsonl.encode_events(batch.events, batch.resource)
