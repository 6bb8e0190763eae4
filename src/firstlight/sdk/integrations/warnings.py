"""Python's ``warnings`` as events."""

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from firstlight.sdk.client import Telemetry

WARNED = "warning"


def install_warnings(telemetry: "Telemetry") -> Callable[[], None]:
    """Record each warning that Python's filters let through, then show it as before; return a function that undoes it.

    The event is called ``warning``, its body is the text; the category and the place come along.
    """
    warn = telemetry.scope("python.warnings").warn
    before = warnings.showwarning
    live = True

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if live and file is None:
            place = {"code.file.path": filename, "code.line.number": lineno}
            warn(WARNED, body=str(message), category=category.__qualname__, **place)
        before(message, category, filename, lineno, file, line)

    def undo() -> None:
        nonlocal live
        live = False
        if warnings.showwarning is show:
            warnings.showwarning = before

    warnings.showwarning = show
    return undo
