"""Changing a catalog by our own SQL."""

import sqlite3
from pathlib import Path

import pytest

from firstlight.errors import StorageError
from firstlight.store.commit import commit
from firstlight.store.lakehouse import create
from firstlight.store.layout import Layout


def _versions(layout: Layout, statement: str = "SELECT 1") -> list[tuple[str]]:
    with sqlite3.connect(layout.catalog) as database:
        database.execute(statement)
        found = database.execute("SELECT value FROM ducklake_metadata WHERE key = 'version'").fetchall()
    database.close()
    return found


def test_a_catalog_of_another_format_is_left_alone(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    create(layout)
    first = commit(layout, "seal")
    assert commit(layout, "seal") == first + 1
    assert _versions(layout, "UPDATE ducklake_metadata SET value = '7.3' WHERE key = 'version'") == [("7.3",)]
    before = layout.catalog.read_bytes()
    with pytest.raises(StorageError, match=r"DuckLake of version 7\.3; this Firstlight writes 1\.0"):
        commit(layout, "seal")
    assert layout.catalog.read_bytes() == before
