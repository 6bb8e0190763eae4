"""What each package may reach outside Firstlight: the environment, other distributions, the terminal."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from firstlight.plugins import BUILTINS

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src" / "firstlight"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MODULES = {path.relative_to(SOURCES): ast.parse(path.read_text()) for path in sorted(SOURCES.rglob("*.py"))}
ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
SAYS_NOTHING = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers"}


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(requirements: list[str]) -> set[str]:
    return {normalized(re.split(r"[<>=!~;\[ ]", requirement)[0]) for requirement in requirements}


BARE = declared(PROJECT["dependencies"])
HUB = BARE | declared(PROJECT["optional-dependencies"]["hub"])
DISTRIBUTIONS = packages_distributions()


def environment_uses(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in ENVIRONMENT:
            if isinstance(node.value, ast.Name) and node.value.id == "os":
                yield node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            yield from (node.lineno for alias in node.names if alias.name in ENVIRONMENT)


def foreign_imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        yield from (name for name in names if name.split(".")[0] not in {*sys.stdlib_module_names, "firstlight"})


def distribution_of(module: str) -> str:
    candidates = {normalized(name) for name in DISTRIBUTIONS.get(module.partition(".")[0], [module])}
    return next(iter(candidates & HUB), min(candidates))


@pytest.mark.parametrize("source", ["import os\nos.environ['A']", "from os import getenv", "import os\nos.getenv('A')"])
def test_a_use_of_the_environment_is_seen(source: str) -> None:
    assert list(environment_uses(ast.parse(source)))


def test_only_app_reads_the_environment() -> None:
    uses = {f"{path}:{line}" for path, tree in MODULES.items() for line in environment_uses(tree)}
    assert {use for use in uses if not use.startswith("app/")} == set()


# Loaded by the program that they are for, which has it.
GUESTS = {
    Path("sdk/integrations/prometheus_client.py"): "prometheus-client",
    Path("testing/pytest_plugin.py"): "pytest",
}


def test_declared_and_imported_distributions_are_the_same() -> None:
    used = {
        distribution
        for path, tree in MODULES.items()
        for distribution in map(distribution_of, foreign_imports(tree))
        if GUESTS.get(path) != distribution
    }
    assert used - HUB == set()
    assert HUB - used == {"httptools"}  # uvicorn loads its parser


def loaded_by(statement: str) -> set[str]:
    """Return the top-level modules that are loaded after ``statement`` in a fresh interpreter."""
    program = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    outcome = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(outcome.stdout.split())


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("import firstlight", id="the-package"),
        pytest.param(
            "import firstlight; [getattr(firstlight, name) for name in firstlight.__all__ if name != 'Lake']",
            id="all-that-records",
        ),
        pytest.param("import firstlight.ports, firstlight.plugins, firstlight.errors", id="ports"),
        *(
            pytest.param(f"from firstlight.plugins import load; load('exporter', '{name}')", id=f"exporter-{name}")
            for name in sorted(BUILTINS["exporter"].keys() - {"parquet"})  # whose files need Arrow
        ),
    ],
)
def test_what_runs_in_the_host_process_loads_msgspec_only(statement: str) -> None:
    # msgspec itself uses typing_extensions where that is installed.
    found_anyway = loaded_by("pass") | {"firstlight", "msgspec", "typing_extensions"}
    foreign = loaded_by(statement) - found_anyway - set(sys.stdlib_module_names)
    assert foreign == set()


def test_file_names_say_what_is_inside() -> None:
    assert {path for path in MODULES if SAYS_NOTHING & {path.stem, *path.parent.parts}} == set()


def test_the_version_is_written_in_one_place() -> None:
    version = (SOURCES / "version.py").read_text().split('"')[-2]
    texts = [path for path in SOURCES.rglob("*.py") if f'"{version}"' in path.read_text()]
    assert [path.name for path in texts] == ["version.py"]
    assert "version" in PROJECT["dynamic"]
