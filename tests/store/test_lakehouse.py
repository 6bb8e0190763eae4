"""A catalog that our own SQL makes, beside the one that DuckLake's client makes."""

import sqlite3
import threading
from pathlib import Path

import pyarrow as pa

from firstlight.store import schema
from firstlight.store.catalog import Catalog
from firstlight.store.lakehouse import create
from firstlight.store.layout import Layout
from tests.store.ducklake import attached, client

_SETTLED = "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'ducklake_inlined_data_%_1' ORDER BY name"


def of(path: Path, query: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(path) as database:
        found = database.execute(query).fetchall()
    database.close()
    return found


def made_by_its_client(folder: Path) -> Path:
    connection = client()
    path = folder / "theirs.sqlite"
    connection.execute(f"ATTACH 'ducklake:sqlite:{path}' AS lake (DATA_PATH '{folder}/theirs/')")
    connection.execute("BEGIN")
    for name, columns in schema.TABLES.items():
        described = ", ".join(f'"{column.name}" {schema.SQL_TYPES[column.type]}' for column in columns)
        connection.execute(f"CREATE TABLE lake.{name} ({described})")
    connection.execute("COMMIT")
    connection.execute("CALL lake.set_option('data_inlining_row_limit', 0)")
    connection.close()
    return path


def test_tables_and_columns_are_as_its_client_makes_them(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "ours")
    layout.create()
    create(layout)
    theirs = made_by_its_client(tmp_path)
    shape = {name: "".join(sql.split()).replace('"', "") for name, sql in of(theirs, _SETTLED) if sql}
    assert {name: "".join(sql.split()).replace('"', "") for name, sql in of(layout.catalog, _SETTLED) if sql} == shape
    columns = (
        "SELECT t.table_name, t.path, t.path_is_relative, c.column_id, c.begin_snapshot, c.column_order, "
        "c.column_name, c.column_type, c.initial_default, c.default_value, c.nulls_allowed, "
        "c.parent_column, c.default_value_type, "
        "c.default_value_dialect FROM ducklake_column c JOIN ducklake_table t USING (table_id) "
        "ORDER BY t.table_name, c.column_id"
    )
    assert of(layout.catalog, columns) == of(theirs, columns)
    same = (
        "SELECT key, value FROM ducklake_metadata WHERE key NOT IN ('created_by', 'data_path') ORDER BY key",
        "SELECT schema_id, begin_snapshot, end_snapshot, schema_name, path, path_is_relative FROM ducklake_schema",
        "SELECT begin_snapshot, schema_version, count(*) FROM ducklake_schema_versions GROUP BY 1, 2",
        "SELECT snapshot_id, schema_version, next_catalog_id, next_file_id FROM ducklake_snapshot ORDER BY 1",
    )
    for query in same:
        assert of(layout.catalog, query) == of(theirs, query)


def test_a_lake_that_lacks_a_table_gets_it(tmp_path: Path, monkeypatch) -> None:
    layout = Layout(tmp_path)
    layout.create()
    with monkeypatch.context() as patch:
        patch.delitem(schema.TABLES, "rollup_1h")
        create(layout)
    create(layout)
    connection = attached(layout)
    tables = {
        name
        for (name,) in connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = 'lake'"
        ).fetchall()
    }
    assert tables == set(schema.TABLES)
    connection.execute("INSERT INTO lake.rollup_1h (series_id, time, count) VALUES (1, '2026-01-01', 3)")
    assert connection.execute("SELECT series_id, count FROM lake.rollup_1h").fetchall() == [(1, 3)]
    connection.close()
    assert [found.rows for found in Catalog(layout).snapshot().segments["rollup_1h"]] == [1]


def test_a_lake_that_lacks_columns_gets_them(tmp_path: Path, monkeypatch) -> None:
    layout, fresh = Layout(tmp_path / "old"), Layout(tmp_path / "new")
    for one in (layout, fresh):
        one.create()
    with monkeypatch.context() as patch:
        before = [column for column in schema.EXPONENTIAL if column.name not in schema.OPTIONAL["exponential"]]
        patch.setitem(schema.TABLES, "exponential", pa.schema(before))
        patch.setattr(schema, "OPTIONAL", {})
        schema.field_ids.cache_clear()
        create(layout)
    schema.field_ids.cache_clear()
    create(layout)
    create(fresh)
    columns = (
        "SELECT table_name, column_id, column_order, column_name, column_type, parent_column, default_value_type "
        "FROM ducklake_column JOIN ducklake_table USING (table_id) ORDER BY 1, 2"
    )
    assert of(layout.catalog, columns) == of(fresh.catalog, columns)
    connection = attached(layout)
    connection.execute("INSERT INTO lake.exponential (series_id, bounds) VALUES (1, [0.5, 1.5])")
    assert connection.execute("SELECT series_id, bounds FROM lake.exponential").fetchall() == [(1, [0.5, 1.5])]
    connection.close()


def test_many_make_it_at_once(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.create()
    threads = [threading.Thread(target=create, args=(layout,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert of(layout.catalog, "SELECT count(*) FROM ducklake_table") == [(len(schema.TABLES),)]
    assert Catalog(layout).snapshot().segments == {}
