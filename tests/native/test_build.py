"""Installing compiles the loops, and goes on without them where they cannot be compiled."""

import subprocess
import sysconfig
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("hatchling", reason="hatchling is not installed; make install does that")

from hatchling.bridge.app import Application

import hatch_build

ROOT = Path(__file__).parents[2]
SUFFIX = str(sysconfig.get_config_var("EXT_SUFFIX"))


class Heard(Application):
    """Keeps the warnings."""

    def __init__(self) -> None:
        super().__init__()
        self.warnings: list[str] = []

    def display_warning(self, message: str = "", **_: Any) -> None:
        self.warnings.append(message)


def built(root: Path) -> tuple[dict[str, Any], list[str]]:
    """Return what the hook tells the builder about the sources below ``root``, and its warnings."""
    app, data = Heard(), {"artifacts": []}
    hook = hatch_build.CompiledLoops(str(root), {}, None, None, str(root), "wheel", app)  # type: ignore[arg-type]
    hook.initialize("standard", data)
    return data, app.warnings


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / hatch_build.FOLDER
    folder.mkdir(parents=True)
    for source in (ROOT / hatch_build.FOLDER).glob("*.[ch]"):
        (folder / source.name).write_bytes(source.read_bytes())
    return tmp_path


@pytest.mark.usefixtures("compiled_loops")
def test_what_is_compiled_goes_into_the_wheel_and_works(root: Path) -> None:
    data, warnings = built(root)
    path = hatch_build.FOLDER / f"_compiled{SUFFIX}"
    assert (data, warnings) == ({"artifacts": [f"/{path}"], "pure_python": False, "infer_tag": True}, [])
    loader = ExtensionFileLoader("firstlight.native._compiled", str(root / path))
    spec = spec_from_file_location("firstlight.native._compiled", root / path, loader=loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    assert module.columns([], 8, 10, 10) == ((), (), (), (), (), None, set(), set(), [])


@pytest.mark.usefixtures("compiled_loops")
def test_the_sources_compile_without_a_warning(root: Path) -> None:
    compiler = sysconfig.get_config_var("CC").split()
    sources = sorted((root / hatch_build.FOLDER).glob("*.c"))
    strict = ["-Wall", "-Wextra", "-Wconversion", "-Werror", "-fsyntax-only", "-isystem", sysconfig.get_path("include")]
    assert subprocess.run([*compiler, *strict, *sources], capture_output=True, text=True, check=False).stderr == ""


def test_without_a_compiler_one_line_says_so_and_nothing_old_stays(root: Path, monkeypatch: Any) -> None:
    old = root / hatch_build.FOLDER / f"_compiled{SUFFIX}"
    old.write_bytes(b"old")
    known = sysconfig.get_config_var
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: "/no/cc" if name == "LDSHARED" else known(name))
    data, (warning,) = built(root)
    assert data == {"artifacts": []}
    assert "without its loops in C" in warning
    assert "/no/cc" in warning
    assert "\n" not in warning
    assert not old.exists()


@pytest.mark.usefixtures("compiled_loops")
def test_sources_that_do_not_compile_are_no_obstacle(root: Path) -> None:
    (root / hatch_build.FOLDER / "module.c").write_text("this is no C\n")
    data, (warning,) = built(root)
    assert data == {"artifacts": []}
    assert "error" in warning
    assert [path.name for path in (root / hatch_build.FOLDER).iterdir() if "_compiled" in path.name] == []
