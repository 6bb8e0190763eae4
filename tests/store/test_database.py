import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from firstlight.errors import StorageError
from firstlight.store.database import Database, confined_database
from firstlight.store.layout import Layout


def test_a_database_is_made_when_it_is_first_needed_and_only_once() -> None:
    made: list[duckdb.DuckDBPyConnection] = []

    def make() -> duckdb.DuckDBPyConnection:
        made.append(duckdb.connect(":memory:"))
        return made[-1]

    database = Database(make)
    assert made == []
    with database.cursor() as one, database.cursor() as other:
        one.execute("CREATE TABLE t AS SELECT 7 AS n")
        assert other.execute("FROM t").fetchall() == [(7,)]
    assert len(made) == 1
    database.close()
    database.close()
    with pytest.raises(StorageError, match="open it again"):
        database.cursor()
    assert len(made) == 1


def test_a_confined_database_sees_the_lakes_files_and_no_others(tmp_path: Path) -> None:
    inside, outside = tmp_path / "lake" / "a.csv", tmp_path / "b.csv"
    inside.parent.mkdir()
    for path in (inside, outside):
        path.write_text("n\n1\n")
    database = confined_database(Layout(tmp_path / "lake"), 2**27, 1)
    with database.cursor() as cursor:
        assert cursor.execute(f"FROM '{inside}'").fetchall() == [(1,)]
        with pytest.raises(duckdb.PermissionException):
            cursor.execute(f"FROM '{outside}'")
    database.close()


@pytest.mark.parametrize("ending", ["", "database.close()", "del database, lent"])
def test_a_child_makes_one_of_its_own_and_ends(ending: str) -> None:
    """Threads of the child take the places of the parent's in memory: its end must not take them for those."""
    program = f"""
import os, signal, sys, threading
import duckdb
from firstlight.store.database import Database

database = Database(lambda: duckdb.connect(":memory:", config={{"threads": 4}}))
lent = database.cursor()
lent.execute("CREATE TABLE t AS SELECT range AS n FROM range(1000000)")
if pid := os.fork():
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert lent.execute("SELECT count(*) FROM t").fetchall() == [(1000000,)]
    sys.exit(code)
signal.alarm(60)
waiting = [threading.Thread(target=threading.Event().wait, daemon=True) for _ in range(8)]
for thread in waiting:
    thread.start()
with database.cursor() as own:
    assert own.execute("SELECT count(*) FROM duckdb_tables()").fetchall() == [(0,)]
{ending}
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
