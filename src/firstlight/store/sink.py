"""Recording straight into a lake from any process, without a hub."""

from os import PathLike

from firstlight.model import Batch
from firstlight.store.layout import Layout
from firstlight.store.wal import Durability, WalWriter


class LakeExporter:
    """An exporter that appends to this process's own log of the lake at ``path``.

    It loads neither numpy nor a database; whoever has the lake open reads the log at once and seals it later.

    Args:
        path: the lake's directory, made when missing.
        durability: see :class:`~firstlight.store.wal.WalWriter`.

    Raises:
        StorageError: the directory cannot be written.
    """

    def __init__(self, path: str | PathLike[str], durability: Durability = "always") -> None:
        self._wal = WalWriter(Layout(path), durability)

    def export(self, batch: Batch) -> None:
        """Append ``batch``; it is durable when this returns."""
        self._wal.append([batch])
        self._wal.rotate_if_due()

    def close(self) -> None:
        """Sync and close the log."""
        self._wal.close()
