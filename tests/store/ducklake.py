"""DuckLake's own client: what others may open a lake's catalog with."""

from importlib.util import find_spec
from pathlib import Path

import duckdb

from firstlight.store.layout import Layout

_EXTENSIONS = ("ducklake", "sqlite_scanner")


def client() -> duckdb.DuckDBPyConnection:
    """Return a database with the extensions loaded, from the packages that carry them."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for name in _EXTENSIONS:
        spec = find_spec(f"duckdb_extension_{name}")
        assert spec is not None
        [folder] = spec.submodule_search_locations or []
        [file] = Path(folder).glob(f"extensions/v{duckdb.__version__}/*.duckdb_extension")
        connection.execute(f"LOAD '{file}'")
    return connection


def attached(layout: Layout) -> duckdb.DuckDBPyConnection:
    """Return a client that has the lake as ``lake``, for reading and writing."""
    connection = client()
    connection.execute(
        f"ATTACH 'ducklake:sqlite:{layout.catalog}' AS lake (OVERRIDE_DATA_PATH true, DATA_PATH '{layout.data}/')"
    )
    return connection
