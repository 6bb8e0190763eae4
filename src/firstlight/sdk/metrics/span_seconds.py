"""Every span's end also feeds a histogram of its duration."""

from collections.abc import Callable

from firstlight.errors import UsageError
from firstlight.model import Kind
from firstlight.sdk.flow.troubles import Troubles
from firstlight.sdk.metrics.histogram import DEFAULT_BOUNDS_S, Histogram
from firstlight.sdk.metrics.instruments import Definition
from firstlight.sdk.metrics.registry import Registry

MAX_SPAN_NAMES = 500
MANY_SPANS = "other_spans"


class SpanSeconds:
    """Keeps one histogram, ``<name>_seconds``, for each name of a span in a scope; beyond a limit they share one."""

    def __init__(self, registry: Registry, troubles: Troubles) -> None:
        self._registry = registry
        self._troubles = troubles
        self._lines: dict[tuple[str, str], Callable[[float], None]] = {}

    def observe(self, scope: str, name: str, duration_s: float) -> None:
        """Note that a span called ``name`` took so long."""
        observe = self._lines.get((scope, name))
        if observe is None:
            if len(self._lines) >= MAX_SPAN_NAMES:
                scope, name = "", MANY_SPANS
            observe = self._lines[scope, name] = self._histogram(scope, name)
        observe(duration_s)

    def _histogram(self, scope: str, name: str) -> Callable[[float], None]:
        place = f"the span {name!r}"
        help_text = f"Duration of {name}."
        definition = Definition(f"{name}_seconds", Kind.HISTOGRAM, "s", help_text, (), scope, DEFAULT_BOUNDS_S, place)
        try:
            return self._registry.register(Histogram, definition).observe
        except UsageError as error:
            self._troubles.say("span histogram", str(error))
            return _ignore


def _ignore(_: float) -> None:
    """Stand for the histogram of a span whose name another metric has."""
