"""Where in the program we are: one context variable that holds the innermost open span."""

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from firstlight.sdk.spans import Span

CURRENT: ContextVar["Span | None"] = ContextVar("firstlight_span", default=None)


def current_span() -> "Span | None":
    """Return the innermost span that is open here, if any; asyncio tasks and copied contexts see their own."""
    return CURRENT.get()
