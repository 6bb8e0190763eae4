"""CSV files: ``csv/events-*.csv`` and ``csv/metrics-*.csv``, each with a line of names first."""

from os import PathLike
from pathlib import Path

from firstlight.codecs import csv
from firstlight.export.files import FileExporter, FilePolicy, Parts, RotatingFile
from firstlight.model import Batch

FOLDER = "csv"


class CsvExporter(FileExporter):
    """Writes the events and samples of each batch as CSV below ``directory``.

    Spans and exponential histograms have no place in it; use another format for those.

    Args:
        directory: the folder ``csv`` is made in it.
        policy: see :class:`~firstlight.export.files.FilePolicy`.
        guard: write text that a spreadsheet would run as a formula with a ``'`` before it.

    Raises:
        UsageError: the policy's compression needs a package that is not installed.
    """

    def __init__(self, directory: str | PathLike[str], policy: FilePolicy | None = None, *, guard: bool = True) -> None:
        folder, kept = Path(directory) / FOLDER, policy or FilePolicy()
        columns = {"events": csv.EVENT_COLUMNS, "metrics": csv.METRIC_COLUMNS}
        files = {stem: RotatingFile(folder, stem, ".csv", kept, csv.header(names)) for stem, names in columns.items()}

        def encode(batch: Batch) -> Parts:
            return {
                "events": csv.encode_events(batch.events, batch.resource, guard),
                "metrics": csv.encode_metrics(batch, guard),
            }

        super().__init__(files, encode)
