"""What Python calls when nobody else deals with an exception: each as an event, then whatever was there before.

Each ``install`` function returns one that undoes it.  Where somebody else has put a hook over ours since, ours stays in
the chain but records nothing more.  Nothing here raises.
"""

import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from firstlight.sdk.integrations.exceptions import exception_fields

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from types import TracebackType

    from firstlight.sdk.client import Telemetry
    from firstlight.sdk.flow.front import Emit

Undo = Callable[[], None]
UNHANDLED = "unhandled_exception"
INTERRUPTED = "interrupted"
UNRAISABLE = "unraisable_exception"
TASK_FAILED = "asyncio_exception"
SCOPE = "python"


def install_hooks(telemetry: "Telemetry") -> Undo:
    """Install the three hooks for exceptions that end the program, end a thread or cannot be raised."""
    undoing = [install_excepthook(telemetry), install_threading(telemetry), install_unraisable(telemetry)]

    def undo() -> None:
        for one in undoing:
            one()

    return undo


def install_excepthook(telemetry: "Telemetry") -> Undo:
    """Record the exception that ends the program, as critical, and deliver everything within the recorder's ``exit_s``.

    Ctrl-C is no error: it is recorded as ``interrupted`` at info level.
    """
    scope = telemetry.scope(f"{SCOPE}.main")

    def record(kind: type[BaseException], error: BaseException, at: "TracebackType | None") -> None:
        if issubclass(kind, KeyboardInterrupt):
            scope.info(INTERRUPTED)
        else:
            scope.critical(UNHANDLED, **exception_fields(error, kind, at))
        telemetry.flush(telemetry.limits.exit_s)

    return _chained(telemetry, sys, "excepthook", record)


def install_threading(telemetry: "Telemetry") -> Undo:
    """Record exceptions that end a thread."""
    error_event = telemetry.scope(f"{SCOPE}.thread").error

    def record(args: Any) -> None:
        if not issubclass(args.exc_type, SystemExit):
            name = args.thread.name if args.thread is not None else ""
            fields = exception_fields(args.exc_value, args.exc_type, args.exc_traceback)
            error_event(UNHANDLED, **fields, **{"thread.name": name})

    return _chained(telemetry, threading, "excepthook", record)


def install_unraisable(telemetry: "Telemetry") -> Undo:
    """Record exceptions that have nowhere to go, such as those of ``__del__``."""
    error_event = telemetry.scope(f"{SCOPE}.unraisable").error

    def record(args: Any) -> None:
        fields = exception_fields(args.exc_value, args.exc_type, args.exc_traceback)
        # Its type only: a reference or a call of its own code could bring back to life what is being torn down.
        error_event(UNRAISABLE, body=args.err_msg or "", object=type(args.object).__qualname__, **fields)

    return _chained(telemetry, sys, "unraisablehook", record)


def install_asyncio(telemetry: "Telemetry", loop: "AbstractEventLoop") -> Undo:
    """Record what ``loop`` calls its exception handler with, such as the failure of a task that nobody awaits."""
    emit = telemetry.scope(f"{SCOPE}.asyncio").error
    before = loop.get_exception_handler()
    live = True

    def handle(loop: "AbstractEventLoop", context: dict[str, Any]) -> None:
        if live:
            _quietly(telemetry, lambda: _record_context(emit, context))
        if before is not None:
            before(loop, context)
        else:
            loop.default_exception_handler(context)

    def undo() -> None:
        nonlocal live
        live = False
        if loop.get_exception_handler() is handle:
            loop.set_exception_handler(before)

    loop.set_exception_handler(handle)
    return undo


def _record_context(emit: "Emit", context: dict[str, Any]) -> None:
    error = context.get("exception")
    fields = exception_fields(error) if isinstance(error, BaseException) else {}
    name = getattr(context.get("task") or context.get("future"), "get_name", None)
    if name is not None:
        fields["asyncio.task"] = name()
    emit(TASK_FAILED, body=str(context.get("message", "")), **fields)


def _chained(telemetry: "Telemetry", owner: Any, name: str, record: Callable[..., None]) -> Undo:
    """Call ``record`` and then the present hook wherever ``owner``'s hook is called."""
    before = getattr(owner, name)
    live = True

    def hook(*args: Any) -> None:
        if live:
            _quietly(telemetry, lambda: record(*args))
        before(*args)

    def undo() -> None:
        nonlocal live
        live = False
        if getattr(owner, name) is hook:
            setattr(owner, name, before)

    setattr(owner, name, hook)
    return undo


def _quietly(telemetry: "Telemetry", record: Callable[[], None]) -> None:
    try:
        record()
    except Exception as error:  # noqa: BLE001
        # The host's exception is what matters now, and the hook before ours must still hear of it.
        telemetry.troubles.internal("an exception could not be recorded", error)
