"""The exit code of a program that Ctrl-C ended."""

import atexit
import sys
from contextlib import suppress
from types import TracebackType


class _Seen:
    """Whether Ctrl-C ended the program."""

    interrupted = False


def keep_exit_code_of_interrupts() -> None:
    """Have a program that ends with ``KeyboardInterrupt`` die of SIGINT, as it does without us.

    CPython (``run_eval_code_obj`` in ``pythonrun.c``) forgets that it was interrupted as soon as a text is evaluated,
    which the making of a named tuple does and so the import of most modules; delivering at the end may import some.
    To be called before anything else is registered with ``atexit``, so that it comes last.
    """
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, at: TracebackType | None) -> None:
        _Seen.interrupted = issubclass(kind, KeyboardInterrupt)
        before(kind, error, at)

    sys.excepthook = hook
    atexit.register(_remind)


def _remind() -> None:
    if _Seen.interrupted:
        with suppress(KeyboardInterrupt):
            exec("raise KeyboardInterrupt")  # noqa: S102 - evaluated as text, this makes Python remember
