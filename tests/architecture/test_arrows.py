"""The arrows of docs/architecture.md hold, and turning any of them round would be seen."""

import itertools
import os
import re
import shutil
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import grimp
import importlinter.cli  # noqa: F401 - sets the linter up
import pytest
from importlinter.application.use_cases import read_user_options
from importlinter.contracts.layers import LayersContract

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src" / "firstlight"
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")
OPTIONS = read_user_options(str(ROOT / "pyproject.toml"))
CONTRACTS = {contract["id"]: contract for contract in OPTIONS.contracts_options}


def drawn_ranks() -> dict[str, int]:
    """Return the height of each package as the plan draws it."""
    plan = (ROOT / "docs" / "architecture.md").read_text()
    line = next(line for line in plan.splitlines() if line.startswith("{errors, native} ←"))
    layers = [re.findall(r"\w+", layer) for layer in line.split("←")]
    return {name: rank for rank, layer in enumerate(layers) for name in layer}


RANKS = drawn_ranks()


def is_allowed(importer: str, imported: str) -> bool:
    return RANKS[imported] < RANKS[importer] or (importer, imported) == ("query", "store")


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("firstlight", include_external_packages=True, cache_dir=None)


def keeps_the_arrows(graph: grimp.ImportGraph) -> bool:
    contract = LayersContract("arrows", OPTIONS.session_options, CONTRACTS["arrows"])
    return contract.check(deepcopy(graph), verbose=False).kept


def test_the_plan_names_every_package() -> None:
    packages = {path.stem for path in SOURCES.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert packages - {"__init__", "__main__", "version"} == set(RANKS)


def test_the_code_keeps_the_arrows(graph: grimp.ImportGraph) -> None:
    assert keeps_the_arrows(graph)


@pytest.mark.parametrize("importer", sorted(RANKS))
def test_each_import_is_judged_as_the_plan_draws_it(graph: grimp.ImportGraph, importer: str) -> None:
    misjudged = []
    for imported in set(RANKS) - {importer}:
        changed = deepcopy(graph)
        changed.add_module(f"firstlight.{importer}")
        changed.add_import(importer=f"firstlight.{importer}", imported=f"firstlight.{imported}")
        if keeps_the_arrows(changed) != is_allowed(importer, imported):
            misjudged.append(imported)
    assert misjudged == []


def lint_with(tmp_path: Path, file: str, source: str) -> subprocess.CompletedProcess[str]:
    """Run import-linter over a copy of the sources in which ``file`` has one more line."""
    copy = tmp_path / "src" / "firstlight"
    shutil.copytree(SOURCES, copy, ignore=shutil.ignore_patterns("__pycache__", "static"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    target = copy / file
    target.parent.mkdir(exist_ok=True)
    with target.open("a") as stream:
        stream.write(f"\n{source}\n")
    return subprocess.run(
        [LINT_IMPORTS, "--no-cache"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "src"), "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_untouched_copy_passes(tmp_path: Path) -> None:
    outcome = lint_with(tmp_path, "stats/__init__.py", "")
    assert outcome.returncode == 0, outcome.stdout


@pytest.mark.parametrize(
    ("broken", "file", "source"),
    [
        pytest.param("arrows", "model/level.py", "import firstlight.store", id="upwards"),
        pytest.param("arrows", "ingest/__init__.py", "from firstlight import query", id="siblings"),
        pytest.param("arrows", "store/layout.py", "import firstlight.query", id="store-uses-query"),
        pytest.param("arrows", "stats/__init__.py", "def f():\n    import firstlight.app", id="inside-a-function"),
        pytest.param("arrows", "misc/__init__.py", "", id="a-package-outside-the-plan"),
        pytest.param("light", "sdk/extra.py", "import numpy", id="sdk-needs-numpy"),
        pytest.param("light", "export/extra.py", "from opentelemetry import proto", id="export-needs-protobuf"),
        pytest.param("one-database", "assess/extra.py", "import duckdb", id="database-elsewhere"),
        pytest.param("faces", "store/extra.py", "import rich.table", id="terminal-elsewhere"),
    ],
)
def test_a_forbidden_import_fails_the_lint(tmp_path: Path, broken: str, file: str, source: str) -> None:
    outcome = lint_with(tmp_path, file, source)
    assert outcome.returncode == 1, outcome.stdout
    assert f"{CONTRACTS[broken]['name']} BROKEN" in outcome.stdout


def test_every_contract_was_seen_to_break() -> None:
    marks = test_a_forbidden_import_fails_the_lint.pytestmark
    proven = {case.values[0] for case in itertools.chain.from_iterable(mark.args[1] for mark in marks)}
    assert proven == set(CONTRACTS)
