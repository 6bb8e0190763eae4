"""Telemetry for a program that does not know of it: what ``firstlight run`` starts in each of its Python processes."""

import os
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from firstlight.app.live_settings import in_force
from firstlight.app.telemetry import get
from firstlight.sdk.integrations.hooks import install_hooks
from firstlight.sdk.integrations.import_hook import ImportHook
from firstlight.sdk.integrations.interrupted import keep_exit_code_of_interrupts
from firstlight.sdk.integrations.runtime import instrument_runtime
from firstlight.sdk.integrations.servers import Servers
from firstlight.sdk.integrations.terminate import deliver_before_terminating
from firstlight.sdk.integrations.warnings import install_warnings

if TYPE_CHECKING:
    from types import ModuleType

    from firstlight.sdk.client import Telemetry

ENABLED_VARIABLE = "FIRSTLIGHT_RECORDING_ENABLED"
_NO = frozenset({"0", "false", "no", "off"})
# It only looks after names for multiprocessing and records nothing.
_RESOURCE_TRACKER = "from multiprocessing.resource_tracker import"


def begin(environ: Mapping[str, str] | None = None) -> bool:
    """Start telemetry in this process by the environment; return whether it was started.

    Each part is on its own: one that fails is reported in a line on standard error, the others work.
    """
    environment = os.environ if environ is None else environ
    # The first spares a process that is switched off the loading of all settings; the second knows every way to do so.
    if environment.get(ENABLED_VARIABLE, "").strip().lower() in _NO or _is_resource_tracker():
        return False
    telemetry = get()
    settled = in_force(telemetry)
    if settled is not None and not settled.resolved.settings.recording.enabled:
        return False
    keep_exit_code_of_interrupts()
    for part in (_logging, _terminating, _faults, _warnings, _servers, _runtime):
        _tried(part, telemetry)
    return True


def _tried(part: "Callable[[Telemetry], object]", telemetry: "Telemetry") -> None:
    try:
        part(telemetry)
    except Exception as error:  # noqa: BLE001
        # The program was not written for us and must not fail because of us.
        _report(part.__name__.strip("_"), error)


def _report(what: str, error: Exception) -> None:
    if sys.stderr is not None:
        reason = f"{type(error).__name__}: {error}".replace("\n", " ")
        sys.stderr.write(f"firstlight: no telemetry of {what}: {reason}\n")


def _is_resource_tracker() -> bool:
    return any(word.startswith(_RESOURCE_TRACKER) for word in sys.orig_argv)


def _logging(telemetry: "Telemetry") -> None:
    def listen(logging: "ModuleType") -> None:
        from firstlight.sdk.integrations.logging_bridge import listen_to_logging

        listen_to_logging(logging, telemetry)

    ImportHook(_report).when_imported("logging", listen)


def _terminating(telemetry: "Telemetry") -> None:
    deliver_before_terminating(telemetry)


def _servers(telemetry: "Telemetry") -> None:
    hook = ImportHook(_report)
    for name, treat in Servers(telemetry).treatments().items():
        hook.when_imported(name, treat)


def _faults(telemetry: "Telemetry") -> None:
    install_hooks(telemetry)


def _warnings(telemetry: "Telemetry") -> None:
    install_warnings(telemetry)


def _runtime(telemetry: "Telemetry") -> None:
    instrument_runtime(telemetry)
