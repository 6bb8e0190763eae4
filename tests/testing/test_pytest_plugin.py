import os
import subprocess
import sys
from pathlib import Path

import pytest

from firstlight.app.lake import Lake

TESTS = """
import firstlight
import pytest

def test_passes(firstlight_capture):
    with firstlight.span("pay"):
        firstlight.scope("shop").debug("order_paid", amount=12.5)
    assert [event.name for event in firstlight_capture.events] == ["order_paid"]
    assert [span.name for span in firstlight_capture.spans] == ["pay"]

def test_fails():
    assert 1 == 2

@pytest.mark.skip
def test_skipped():
    pass

@pytest.fixture
def broken():
    yield
    raise OSError("cannot clean up")

def test_breaks_afterwards(broken):
    pass
"""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_shop.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "firstlight.testing.pytest_plugin", *arguments, str(folder)]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )


def test_the_fixture_captures_and_nothing_is_recorded_unasked(tmp_path: Path) -> None:
    outcome = run(tmp_path)
    assert "1 failed, 2 passed, 1 skipped, 1 error" in outcome.stdout, outcome.stdout
    assert {path.name for path in tmp_path.iterdir()} <= {"test_shop.py", "__pycache__", ".pytest_cache"}


@pytest.mark.parametrize("times", [1, 2])
def test_tests_are_recorded_into_a_lake(tmp_path: Path, times: int) -> None:
    data = tmp_path / "lake"
    (tests := tmp_path / "tests").mkdir()
    for _ in range(times):
        outcome = run(tests, "--firstlight", str(data))
        assert "1 failed, 2 passed, 1 skipped, 1 error" in outcome.stdout, outcome.stdout
    lake = Lake.open(data)
    try:
        events = lake.sql(
            "SELECT name, count(*) FROM events WHERE subsystem = 'pytest' GROUP BY name ORDER BY name"
        ).rows
        runs = lake.sql("SELECT span_id, status FROM spans WHERE name = 'pytest'").rows
        spans = lake.sql(
            "SELECT name, status, status_message FROM spans WHERE parent_id = ? ORDER BY name", [runs[0][0]]
        ).rows
    finally:
        lake.close()
    assert events == [("test_failed", 2 * times), ("test_passed", times), ("test_skipped", times)]
    assert [status for _, status in runs] == ["error"] * times
    assert [(name.partition("::")[2], status) for name, status, _ in spans] == [
        ("test_breaks_afterwards", "error"),
        ("test_fails", "error"),
        ("test_passes", "ok"),
        ("test_skipped", "ok"),
    ]
    assert "cannot clean up" in spans[0][2]
    assert "assert 1 == 2" in spans[1][2]


def test_a_place_that_cannot_be_recorded_to_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    outcome = run(tmp_path, "--firstlight", str(tmp_path / "file"))
    assert outcome.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--firstlight" in outcome.stderr
