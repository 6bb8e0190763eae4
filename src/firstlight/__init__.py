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
    from firstlight.app.asking import promql
    from firstlight.app.collector import Collector
    from firstlight.app.instrumented import AsgiMiddleware, WsgiMiddleware
    from firstlight.app.lake import Lake
    from firstlight.app.logging_handler import LoggingHandler
    from firstlight.app.telemetry import configure, get, update_settings
    from firstlight.errors import FirstlightError
    from firstlight.model import Level
    from firstlight.notebook.extension import load_ipython_extension, unload_ipython_extension
    from firstlight.sdk.client import Telemetry
    from firstlight.sdk.delivery import Limits
    from firstlight.sdk.integrations.http_client import instrument_http_client
    from firstlight.sdk.tracing.baggage import get_baggage, set_baggage
    from firstlight.sdk.tracing.context import current_span, in_context
    from firstlight.sdk.tracing.propagation import extract, inject
    from firstlight.sdk.volume import Volume

    counter = get().counter
    declare = get().declare
    enumeration = get().enumeration
    event = get().event
    exception = get().exception
    exponential_histogram = get().exponential_histogram
    facts = get().facts
    flush = get().flush
    gauge = get().gauge
    histogram = get().histogram
    integrate_subsystem = get().integrate_subsystem
    log_event = get().log_event
    log_performance = get().log_performance
    make_span = get().make_span
    observe_counter = get().observe_counter
    observe_gauge = get().observe_gauge
    observe_up_down_counter = get().observe_up_down_counter
    performance = get().performance
    scope = get().scope
    shutdown = get().shutdown
    span = get().span
    start = get().start
    stop = get().stop
    summary = get().summary
    up_down_counter = get().up_down_counter

__all__ = [
    "AsgiMiddleware",
    "Collector",
    "FirstlightError",
    "Lake",
    "Level",
    "Limits",
    "LoggingHandler",
    "Telemetry",
    "Volume",
    "WsgiMiddleware",
    "__version__",
    "configure",
    "counter",
    "current_span",
    "declare",
    "enumeration",
    "event",
    "exception",
    "exponential_histogram",
    "extract",
    "facts",
    "flush",
    "gauge",
    "get",
    "get_baggage",
    "histogram",
    "in_context",
    "inject",
    "instrument_http_client",
    "integrate_subsystem",
    "load_ipython_extension",
    "log_event",
    "log_performance",
    "make_span",
    "observe_counter",
    "observe_gauge",
    "observe_up_down_counter",
    "performance",
    "promql",
    "scope",
    "set_baggage",
    "shutdown",
    "span",
    "start",
    "stop",
    "summary",
    "unload_ipython_extension",
    "up_down_counter",
    "update_settings",
]

_HOMES = {
    "AsgiMiddleware": "firstlight.app.instrumented",
    "Collector": "firstlight.app.collector",
    "FirstlightError": "firstlight.errors",
    "Lake": "firstlight.app.lake",
    "Level": "firstlight.model",
    "Limits": "firstlight.sdk.delivery",
    "LoggingHandler": "firstlight.app.logging_handler",
    "Telemetry": "firstlight.sdk.client",
    "Volume": "firstlight.sdk.volume",
    "WsgiMiddleware": "firstlight.app.instrumented",
    "configure": "firstlight.app.telemetry",
    "current_span": "firstlight.sdk.tracing.context",
    "extract": "firstlight.sdk.tracing.propagation",
    "get": "firstlight.app.telemetry",
    "get_baggage": "firstlight.sdk.tracing.baggage",
    "in_context": "firstlight.sdk.tracing.context",
    "inject": "firstlight.sdk.tracing.propagation",
    "instrument_http_client": "firstlight.sdk.integrations.http_client",
    "load_ipython_extension": "firstlight.notebook.extension",
    "promql": "firstlight.app.asking",
    "set_baggage": "firstlight.sdk.tracing.baggage",
    "unload_ipython_extension": "firstlight.notebook.extension",
    "update_settings": "firstlight.app.telemetry",
}
_OF_THE_RECORDER = frozenset(__all__) - _HOMES.keys() - {"__version__"}


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
