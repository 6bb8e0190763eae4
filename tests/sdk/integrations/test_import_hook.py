import importlib
import inspect
import sys
from pathlib import Path

import pytest

from firstlight.sdk.integrations.import_hook import ImportHook


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that writes a module nobody has imported, and the hook under test."""
    monkeypatch.syspath_prepend(tmp_path)
    before = [*sys.meta_path]
    known = set(sys.modules)

    def write(name: str, text: str) -> None:
        path = tmp_path / (name.replace(".", "/") + ".py")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        importlib.invalidate_caches()

    yield write
    sys.meta_path[:] = before
    for name in set(sys.modules) - known:
        del sys.modules[name]


def failing(name: str, error: Exception) -> None:
    raise AssertionError(name) from error


def test_a_module_is_treated_when_it_is_imported_once_and_after_it_ran(package) -> None:
    package("waited_for", "value = 1\n")
    package("other", "")
    treated = []
    hook = ImportHook(failing)
    hook.when_imported("waited_for", lambda module: treated.append((module.__name__, module.value)))
    importlib.import_module("other")
    assert treated == []
    importlib.import_module("waited_for")
    importlib.import_module("waited_for")
    assert treated == [("waited_for", 1)]


def test_a_submodule_and_one_that_is_loaded_already_are_treated_too(package) -> None:
    package("box.__init__", "")
    package("box.inner", "")
    treated = []
    hook = ImportHook(failing)
    hook.when_imported("box.inner", treated.append)
    inner = importlib.import_module("box.inner")
    hook.when_imported("box", treated.append)
    assert treated == [inner, sys.modules["box"]]


def test_it_leaves_no_trace_in_the_module(package) -> None:
    text = "def function():\n    return 1\n"
    package("plain", text)
    package("waited_for", text)
    hook = ImportHook(failing)
    hook.when_imported("waited_for", lambda module: None)
    plain, waited_for = importlib.import_module("plain"), importlib.import_module("waited_for")
    assert type(waited_for.__loader__) is type(plain.__loader__)
    assert type(waited_for.__spec__.loader) is type(plain.__spec__.loader)
    assert inspect.getsource(waited_for.function) == text
    assert waited_for.__file__.endswith("waited_for.py")


def test_a_missing_module_is_missing_and_treated_once_it_is_there(package) -> None:
    treated = []
    hook = ImportHook(failing)
    hook.when_imported("comes_late", treated.append)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("comes_late")
    package("comes_late", "")
    assert treated == []
    late = importlib.import_module("comes_late")
    assert treated == [late]


def test_a_module_that_fails_raises_its_own_error(package) -> None:
    package("broken", "raise ValueError('mine')")
    hook = ImportHook(failing)
    hook.when_imported("broken", failing)
    with pytest.raises(ValueError, match="mine"):
        importlib.import_module("broken")


def test_a_treatment_that_fails_is_reported_and_the_import_succeeds(package) -> None:
    package("waited_for", "value = 1")
    reports = []
    hook = ImportHook(lambda name, error: reports.append((name, type(error))))
    hook.when_imported("waited_for", lambda module: module.no_such_thing)
    assert importlib.import_module("waited_for").value == 1
    assert reports == [("waited_for", AttributeError)]
