"""The magics in IPython's own shell, and in a notebook that a kernel runs."""

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import polars as pl
import pytest
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import CapturedIO, capture_output
from nbclient import NotebookClient

import firstlight
from firstlight.app.lake import Lake
from firstlight.model import Batch, Resource, Series
from firstlight.query.promql.frame import Frame

S = 10**9


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    path = tmp_path / "my lake"
    batch = Batch(Resource("host"))
    for cpu in "01":
        for back in range(100):
            batch.add_sample(Series("load", (("cpu", cpu),), "host"), time.time_ns() - back * S, 0.5)
    with Lake.open(path, maintain=False) as lake:
        lake.append([batch])
    return path


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    made = InteractiveShell()
    made.history_manager.enabled = False
    made.run_line_magic("load_ext", "firstlight")
    yield made
    made.run_line_magic("unload_ext", "firstlight")


def ran(shell: InteractiveShell, cell: str) -> tuple[Any, CapturedIO]:
    with capture_output() as captured:
        done = shell.run_cell(cell)
    return done, captured


def test_a_line_answers_with_a_table(shell: InteractiveShell, directory: Path) -> None:
    done, _ = ran(shell, f"%promql --data '{directory}' sum by (cpu) (load{{job=\"host\"}})")
    assert isinstance(done.result, pd.DataFrame)
    assert sorted(done.result["cpu"]) == ["0", "1"]
    assert done.result["value"].tolist() == [0.5, 0.5]


def test_a_cell_goes_into_a_variable(shell: InteractiveShell, directory: Path) -> None:
    done, _ = ran(shell, f"%%promql busy << --data '{directory}' --range 1m --step 30s --wide\nload{{cpu=\n'0'}}")
    assert done.result is None
    busy = shell.user_ns["busy"]
    assert busy.index.name == "time"
    assert busy.shape == (3, 1)


@pytest.mark.parametrize(
    ("form", "kind"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame), ("frame", Frame)], ids=str
)
def test_the_answer_is_what_was_asked_for(shell: InteractiveShell, directory: Path, form: str, kind: type) -> None:
    done, _ = ran(shell, f"%promql --data '{directory}' --as {form} load")
    assert isinstance(done.result, kind)
    assert len(done.result) == 2


def test_a_plot_is_shown_beside_the_table(shell: InteractiveShell, directory: Path) -> None:
    shell.display_pub = CapturingDisplayPublisher(parent=shell)
    done, _ = ran(shell, f"%promql --data '{directory}' --plot load")
    (chart,) = shell.display_pub.outputs
    assert "<svg" in chart["data"]["text/html"]
    assert "┤" in chart["data"]["text/plain"]
    assert done.result["time"].nunique() > 1


def test_sql_answers_too_and_braces_are_its_own(shell: InteractiveShell, directory: Path) -> None:
    shell.user_ns["name"] = "wrong"
    done, _ = ran(
        shell, f"%%sql --data '{directory}' -o rows\nselect count(*) as n, '{{name}} $name' as word from metrics"
    )
    assert done.success
    assert shell.user_ns["rows"].to_dict("records") == [{"n": 200, "word": "{name} $name"}]
    _, captured = ran(shell, f"%sql --data '{directory}' --limit 1 select name from metrics")
    assert "--limit" in captured.stderr


def test_warnings_are_said(shell: InteractiveShell, directory: Path) -> None:
    _, captured = ran(shell, f"%promql --data '{directory}' rate(load[1m])")
    assert "firstlight: PromQL info" in captured.stderr


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("%promql --data '{0}' sum(", "1:5"),
        ("%promql --data '{0}' --step x up", "step='x'"),
        ("%promql --data /nowhere/at/all up", "no data directory"),
        ("%promql --as word --data '{0}' up", "pandas, polars"),
        ("%sql --data '{0}' select nothing", "nothing"),
        ("%sql --data '{0}' --limit none select 1", "--limit"),
    ],
)
def test_what_is_wrong_is_one_message(shell: InteractiveShell, directory: Path, line: str, says: str) -> None:
    done, captured = ran(shell, line.format(directory))
    assert not done.success
    told = captured.stdout + captured.stderr
    assert says in told
    assert "Traceback" not in told


def test_without_tables_the_answer_is_a_frame(
    shell: InteractiveShell, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firstlight.notebook.extension.find_spec", lambda name: None)
    done, _ = ran(shell, f"%promql --data '{directory}' load")
    assert isinstance(done.result, Frame)


def test_the_magics_go_again(shell: InteractiveShell) -> None:
    shell.run_line_magic("unload_ext", "firstlight")
    done, _ = ran(shell, "%promql 1")
    assert not done.success
    shell.run_line_magic("load_ext", "firstlight")


def test_a_notebook_shows_tables_and_charts(directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    sources = str(Path(next(iter(firstlight.__path__))).parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([sources, os.environ.get("PYTHONPATH", "")]))
    cells = ["%load_ext firstlight", f"%%promql --data '{directory}' --plot\nload", "import firstlight"]
    cells.append(f"firstlight.promql('load', lake={str(directory)!r}, range='1m')")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    kernels(tmp_path / "JUPYTER_DATA_DIR")
    NotebookClient(notebook, timeout=120, kernel_name="this").execute()
    chart, table = notebook.cells[1].outputs
    assert "<svg" in chart.data["text/html"]
    assert "<table" in table.data["text/html"]
    (frame,) = notebook.cells[3].outputs
    assert "<svg" in frame.data["text/html"]
    assert frame.data["text/plain"].startswith("matrix of load: 2 series")


def kernels(directory: Path) -> None:
    """Make a kernel of this interpreter known to Jupyter."""
    folder = directory / "kernels" / "this"
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (folder / "kernel.json").write_text(json.dumps({"argv": command, "display_name": "this", "language": "python"}))
