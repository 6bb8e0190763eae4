"""Programs under ``firstlight run``, and what the lake has of them afterwards."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from firstlight.app.lake import Lake
from tests.cli.conftest import surroundings


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "firstlight", "run", *arguments]


def environment(home: Path, **more: str) -> dict[str, str]:
    # Tests run where warnings are errors; programs shall not notice.
    return surroundings(home, **more)


def run(home: Path, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; without other wishes it writes to ``home/lake``."""
    wanted = {"text": True, "capture_output": True, "timeout": 60, "cwd": home, "env": environment(home), **more}
    return subprocess.run(command("--data", str(home / "lake"), *arguments), check=False, **wanted)


def answer(directory: Path, query: str) -> list[tuple[Any, ...]]:
    with Lake.open(directory, maintain=False) as lake:
        return list(lake.sql(query).rows)


def total(directory: Path, name: str) -> float:
    """Return what all sessions have counted: each counts up from zero, so the last value of each line counts."""
    query = f"""
        SELECT coalesce(sum(last), 0) FROM (
          SELECT session_id, labels, max_by(value, time_ns) AS last FROM metrics
          WHERE name = '{name}' AND field = 'value' GROUP BY ALL)
    """
    return float(answer(directory, query)[0][0])


def write(path: Path, text: str, mode: int = 0o644) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def pythons_path() -> str:
    return os.path.dirname(sys.executable)
