"""Firstlight: lets a running system see itself.

    import firstlight

    firstlight.configure(service="shop")
    log = firstlight.scope("orders.checkout")
    paid = log.counter("orders_paid_total", labels=("currency",)).labels("EUR")

    with log.span("pay", order=17):
        paid.inc()
        log.info("order_paid", amount=12.5)

Nothing is loaded before it is used, and nothing recorded here is ever raised into the program that records.
"""

from typing import TYPE_CHECKING, Any

from firstlight.version import __version__

if TYPE_CHECKING:
    from firstlight.app.lake import Lake
    from firstlight.app.logging_handler import LoggingHandler
    from firstlight.app.telemetry import configure, get, update_settings
    from firstlight.errors import FirstlightError
    from firstlight.model import Level
    from firstlight.sdk.client import Telemetry
    from firstlight.sdk.context import current_span
    from firstlight.sdk.delivery import Limits

    counter = get().counter
    event = get().event
    flush = get().flush
    gauge = get().gauge
    histogram = get().histogram
    scope = get().scope
    shutdown = get().shutdown
    span = get().span

__all__ = [
    "FirstlightError",
    "Lake",
    "Level",
    "Limits",
    "LoggingHandler",
    "Telemetry",
    "__version__",
    "configure",
    "counter",
    "current_span",
    "event",
    "flush",
    "gauge",
    "get",
    "histogram",
    "scope",
    "shutdown",
    "span",
    "update_settings",
]

_HOMES = {
    "FirstlightError": "firstlight.errors",
    "Lake": "firstlight.app.lake",
    "Level": "firstlight.model",
    "Limits": "firstlight.sdk.delivery",
    "LoggingHandler": "firstlight.app.logging_handler",
    "Telemetry": "firstlight.sdk.client",
    "configure": "firstlight.app.telemetry",
    "current_span": "firstlight.sdk.context",
    "get": "firstlight.app.telemetry",
    "update_settings": "firstlight.app.telemetry",
}
_OF_THE_RECORDER = frozenset({"counter", "event", "flush", "gauge", "histogram", "scope", "shutdown", "span"})


def __getattr__(name: str) -> Any:
    """Load what is asked for and keep it, so that the next use costs nothing."""
    if name in _OF_THE_RECORDER:
        from firstlight.app.telemetry import get

        found = getattr(get(), name)
    elif name in _HOMES:
        from importlib import import_module

        try:
            found = getattr(import_module(_HOMES[name]), name)
        except ModuleNotFoundError as missing:
            needs = f"firstlight.{name} needs {missing.name}; try: pip install 'firstlight[hub]'"
            raise ImportError(needs) from missing
    else:
        raise AttributeError(f"module 'firstlight' has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__
