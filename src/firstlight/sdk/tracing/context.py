"""Where in the program we are: one context variable that holds the innermost open span."""

from collections.abc import Callable
from contextvars import ContextVar, copy_context
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from firstlight.sdk.tracing.spans import Span

P = ParamSpec("P")
R = TypeVar("R")

CURRENT: ContextVar["Span | None"] = ContextVar("firstlight_span", default=None)


def current_span() -> "Span | None":
    """Return the innermost span that is open here, if any; asyncio tasks and copied contexts see their own."""
    return CURRENT.get()


def in_context(function: Callable[P, R]) -> Callable[P, R]:
    """Return ``function`` so that it runs, in whatever thread, with what is current here and now.

    A new thread knows nothing of the span around its start; ``Thread(target=in_context(work))`` and
    ``executor.submit(in_context(work), ...)`` do.  Each call has a copy of the context to itself.
    """
    here = copy_context()

    @wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        return here.copy().run(function, *args, **kwargs)

    return called
