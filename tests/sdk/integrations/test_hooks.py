import asyncio
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator

import pytest

import firstlight
from firstlight.model import Level
from firstlight.sdk.integrations.hooks import (
    install_asyncio,
    install_excepthook,
    install_hooks,
    install_threading,
    install_unraisable,
)
from firstlight.sdk.integrations.warnings import install_warnings
from firstlight.testing import Capture, capture


@pytest.fixture
def captured() -> Iterator[Capture]:
    with capture() as one:
        yield one


@pytest.fixture
def called_before(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stand where the hooks of pytest stood; hear of each call."""
    calls: list[str] = []
    monkeypatch.setattr(sys, "excepthook", lambda *args: calls.append("excepthook"))
    monkeypatch.setattr(threading, "excepthook", lambda args: calls.append("threading"))
    monkeypatch.setattr(sys, "unraisablehook", lambda args: calls.append("unraisable"))
    return calls


def raised(error: Exception) -> Exception:
    try:
        raise error
    except type(error) as caught:
        return caught


def test_the_exception_that_ends_the_program_is_recorded_and_shown(captured: Capture, called_before) -> None:
    undo = install_excepthook(firstlight.get())
    error = raised(ValueError("no more paper"))
    sys.excepthook(type(error), error, error.__traceback__)
    undo()
    sys.excepthook(type(error), error, error.__traceback__)
    (event,) = captured.events
    assert (event.subsystem, event.component, event.level) == ("python", "main", Level.CRITICAL)
    assert event.name == "unhandled_exception"
    assert event.attributes["exception.message"] == "no more paper"
    assert "raise error" in event.attributes["exception.stacktrace"]
    assert called_before == ["excepthook"] * 2


def test_ctrl_c_is_no_error(captured: Capture, called_before) -> None:
    undo = install_excepthook(firstlight.get())
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    undo()
    assert [(event.name, event.level) for event in captured.events] == [("interrupted", Level.INFO)]
    assert called_before == ["excepthook"]


def test_an_exception_that_ends_a_thread_is_recorded_and_shown(captured: Capture, called_before) -> None:
    def fail() -> None:
        raise LookupError("gone")

    undo = install_threading(firstlight.get())
    for target in (fail, sys.exit):
        thread = threading.Thread(target=target, name="worker")
        thread.start()
        thread.join()
    undo()
    (event,) = captured.events
    assert event.attributes["exception.type"] == "LookupError"
    assert event.attributes["thread.name"] == "worker"
    # A thread that ends itself is nobody's error, but the hooks hear of it.
    assert called_before == ["threading"] * 2


def test_an_exception_that_cannot_be_raised_is_recorded_and_shown(captured: Capture, called_before) -> None:
    class Broken:
        def __del__(self) -> None:
            raise OSError("at the very end")

    undo = install_unraisable(firstlight.get())
    Broken()
    undo()
    (event,) = captured.events
    assert event.name == "unraisable_exception"
    assert event.attributes["exception.type"] == "OSError"
    assert called_before == ["unraisable"]


def test_a_hook_put_over_ours_stays_when_ours_goes(captured: Capture, called_before) -> None:
    undo = install_hooks(firstlight.get())
    ours = sys.excepthook

    def later(*args) -> None:
        called_before.append("later")
        ours(*args)

    sys.excepthook = later
    undo()
    assert sys.excepthook is later
    sys.excepthook(ValueError, ValueError(), None)
    assert called_before == ["later", "excepthook"]
    assert captured.events == []


def test_a_recorder_that_fails_does_not_hide_the_exception(called_before, monkeypatch) -> None:
    telemetry = firstlight.get()
    undo = install_excepthook(telemetry)
    monkeypatch.setattr(telemetry, "flush", lambda timeout_s: 1 / 0)
    with capture():
        sys.excepthook(ValueError, ValueError("x"), None)
        monkeypatch.undo()
        undo()
        assert called_before == ["excepthook"]
        with pytest.raises(ZeroDivisionError):
            telemetry.flush()


def test_a_program_that_dies_delivers_why() -> None:
    program = (
        "import firstlight\n"
        "from firstlight.export.memory import MemoryExporter\n"
        "from firstlight.sdk.integrations.hooks import install_hooks\n"
        "kept = MemoryExporter()\n"
        "install_hooks(firstlight.configure('dies', exporter=kept))\n"
        "import atexit\n"
        "atexit.register(lambda: print([event.name for event in kept.events]))\n"
        "raise SystemError('boom')\n"
    )
    outcome = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert outcome.returncode == 1
    assert outcome.stdout.strip() == "['unhandled_exception']"
    assert "SystemError: boom" in outcome.stderr


@pytest.mark.parametrize("before", [True, False])
def test_what_the_event_loop_complains_about_is_recorded(captured: Capture, before: bool, caplog) -> None:
    heard = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        if before:
            loop.set_exception_handler(lambda loop, context: heard.append(context["message"]))
        undo = install_asyncio(firstlight.get(), loop)
        loop.call_soon(lambda: 1 / 0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        undo()
        loop.call_soon(lambda: 1 / 0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(main())
    (event,) = captured.events
    assert event.name == "asyncio_exception"
    assert event.attributes["exception.type"] == "ZeroDivisionError"
    assert event.body.startswith("Exception in callback")
    assert len(heard) == (2 if before else 0)
    assert ("Exception in callback" in caplog.text) is not before


def test_a_warning_is_recorded_and_shown(captured: Capture) -> None:
    shown = []
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda *args: shown.append(args)
        undo = install_warnings(firstlight.get())
        warnings.warn("too old", DeprecationWarning, stacklevel=1)
        undo()
        warnings.warn("not recorded", DeprecationWarning, stacklevel=1)
    (event,) = captured.events
    assert (event.name, event.body, event.level) == ("warning", "too old", Level.WARN)
    assert event.attributes["category"] == "DeprecationWarning"
    assert event.attributes["code.file.path"] == __file__
    assert len(shown) == 2
