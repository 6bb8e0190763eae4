"""Threads of our own."""

from collections.abc import Callable
from threading import Thread

from firstlight.sdk.flow.troubles import Troubles


def started(run: Callable[[], None], name: str, troubles: Troubles) -> Thread | None:
    """Return a running daemon thread, or None where there can be none (the interpreter ends, the system has no more).

    Without it records wait for ``flush`` or the end of the process, which deliver on their caller's thread.
    """
    thread = Thread(target=run, name=name, daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        troubles.say("thread", f"no thread for telemetry: {error}")
        return None
    return thread
