"""The lock files say the same as pyproject.toml, to every machine."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = {name: (ROOT / "requirements" / f"{name}.lock").read_text() for name in ("hub", "dev")}
PIN = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)


def pins(lock: str) -> set[tuple[str, str]]:
    return set(PIN.findall(LOCKS[lock]))


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=]", requirement)[0] for requirement in requirements}


def test_the_development_lock_contains_the_hub_lock() -> None:
    assert pins("hub") <= pins("dev")


def test_every_declared_dependency_is_locked() -> None:
    project, groups = PROJECT["project"], PROJECT["dependency-groups"]
    hub = names([*project["dependencies"], *project["optional-dependencies"]["hub"], *groups["build"]])
    dev = hub | names([item for group in groups.values() for item in group if isinstance(item, str)])
    assert hub <= {name for name, _ in pins("hub")}
    assert dev <= {name for name, _ in pins("dev")}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_is_hashed_and_names_no_machine(lock: str) -> None:
    blocks = re.split(r"^(?=\S)", LOCKS[lock], flags=re.MULTILINE)
    assert all("--hash=sha256:" in block for block in blocks if "==" in block.partition("\n")[0])
    assert re.findall(r"\w+://|--index|--find-links|^-e|^/", LOCKS[lock], re.MULTILINE) == []
