"""Which routes there are."""

from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.types import ASGIApp

from firstlight.app.platform import Platform
from firstlight.hub.bodies import Budget
from firstlight.hub.failures import answer_error
from firstlight.hub.guard import Guard
from firstlight.hub.otlp_routes import receive_otlp
from firstlight.hub.pages import show_explore, show_page, show_static
from firstlight.hub.probe_routes import is_alive, is_ready, show_metrics
from firstlight.hub.prometheus.alert_routes import (
    show_alertmanagers,
    show_alerts,
    show_pools,
    show_rules,
    show_targets,
)
from firstlight.hub.prometheus.query_routes import query, query_exemplars, query_range
from firstlight.hub.prometheus.series_routes import find_label_values, find_labels, find_metadata, find_series
from firstlight.hub.prometheus.status_routes import (
    show_build,
    show_flags,
    show_prometheus_config,
    show_runtime,
    show_tsdb,
)
from firstlight.hub.prometheus.text_routes import format_query, parse_query
from firstlight.hub.prometheus.write_routes import receive_write
from firstlight.hub.query_routes import list_events, list_series, read_metric_range, run_sql
from firstlight.hub.sign_in import show_sign_in, sign_in
from firstlight.hub.status_routes import show_config, show_health, show_status
from firstlight.hub.stream import stream
from firstlight.version import __version__

ROUTES = (
    receive_otlp,
    receive_write,
    is_alive,
    is_ready,
    show_metrics,
    show_status,
    show_health,
    show_config,
    run_sql,
    list_events,
    list_series,
    read_metric_range,
    stream,
    query,
    query_range,
    query_exemplars,
    find_series,
    find_labels,
    find_label_values,
    find_metadata,
    format_query,
    parse_query,
    show_targets,
    show_pools,
    show_rules,
    show_alerts,
    show_alertmanagers,
    show_build,
    show_runtime,
    show_prometheus_config,
    show_flags,
    show_tsdb,
    show_page,
    show_explore,
    show_static,
    show_sign_in,
    sign_in,
)


def application(platform: Platform) -> ASGIApp:
    """Return the ASGI application of a platform."""
    budget = Budget(platform.settings.limits.max_buffered_bytes)
    inner = Litestar(
        ROUTES,
        dependencies={
            "platform": Provide(lambda: platform, sync_to_thread=False),
            "body_budget": Provide(lambda: budget, sync_to_thread=False),
        },
        exception_handlers={Exception: answer_error},
        logging_config=None,
        openapi_config=OpenAPIConfig(
            "Firstlight", __version__, path="/api/schema", render_plugins=[JsonRenderPlugin(path="/openapi.json")]
        ),
        state=State({"platform": platform}),
    )
    return Guard(inner, platform)
