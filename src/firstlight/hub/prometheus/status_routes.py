"""``/api/v1/status/…``: what Grafana and promtool ask of a Prometheus itself."""

import os
import platform as machine
from typing import Any

import yaml
from litestar import Request, Response, get

from firstlight.app.platform import Platform
from firstlight.hub.given import GivenPlatform
from firstlight.hub.prometheus.answers import plainly
from firstlight.hub.prometheus.asking import Found, answered, limits_of
from firstlight.hub.prometheus.failures import BadData
from firstlight.hub.prometheus.moments import moment
from firstlight.hub.prometheus.parameters import parameters, whole
from firstlight.query.promql.language.durations import NS_PER_S, duration_text
from firstlight.version import __version__

LIKE_PROMETHEUS = "3.5.3"
"""The version whose API this is; clients decide by it what they may ask."""

_TSDB_LIMIT = 10
_TSDB_LIMIT_MAX = 10_000
_NS_PER_DAY = 86_400 * NS_PER_S


@get("/api/v1/status/buildinfo")
async def show_build(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Say which Prometheus this is like."""
    return plainly(
        request,
        {
            "version": LIKE_PROMETHEUS,
            "revision": f"firstlight-{__version__}",
            "branch": "firstlight",
            "buildUser": "",
            "buildDate": "",
            "goVersion": "",
        },
    )


@get("/api/v1/status/runtimeinfo")
async def show_runtime(request: Request[Any, Any, Any], platform: GivenPlatform) -> Response[bytes]:
    """Say how the process runs; what only Go has is empty."""
    started = moment(platform.started_ns)
    return plainly(
        request,
        {
            "startTime": started,
            "CWD": os.getcwd(),
            "hostname": machine.node(),
            "serverTime": moment(platform.clock()),
            "reloadConfigSuccess": True,
            "lastConfigTime": started,
            "corruptionCount": 0,
            "goroutineCount": 0,
            "GOMAXPROCS": os.cpu_count() or 1,
            "GOMEMLIMIT": 0,
            "GOGC": "",
            "GODEBUG": "",
            "storageRetention": _retention(platform),
        },
    )


@get("/api/v1/status/config")
async def show_prometheus_config(request: Request[Any, Any, Any], platform: GivenPlatform) -> Response[bytes]:
    """Return the settings as YAML, secrets masked."""
    tree: dict[str, Any] = {}
    for shown in platform.resolved.shown():
        *groups, name = shown.path.split(".")
        branch = tree
        for group in groups:
            branch = branch.setdefault(group, {})
        branch[name] = list(shown.value) if isinstance(shown.value, tuple) else shown.value
    return plainly(request, {"yaml": yaml.safe_dump(tree, sort_keys=False)})


@get("/api/v1/status/flags")
async def show_flags(request: Request[Any, Any, Any], platform: GivenPlatform) -> Response[bytes]:
    """Return the settings that Prometheus has as flags, under its names."""
    limits, options = platform.settings.limits, platform.store.promql_engine.options
    return plainly(
        request,
        {
            "query.lookback-delta": duration_text(options.lookback_ns),
            "query.max-concurrency": str(limits.max_concurrent_queries),
            "query.max-samples": str(limits.query_samples),
            "query.timeout": duration_text(int(limits.query_time_s * NS_PER_S)),
            "storage.tsdb.path": platform.settings.data_dir,
            "storage.tsdb.retention.size": f"{platform.settings.lake.disk_budget_bytes}B",
            "storage.tsdb.retention.time": _retention(platform),
            "web.enable-remote-write-receiver": "true",
            "web.max-connections": str(limits.max_connections),
        },
    )


@get("/api/v1/status/tsdb")
async def show_tsdb(request: Request[Any, Any, Any], platform: GivenPlatform) -> Response[bytes]:
    """Return which metrics and labels have most series."""
    text = (await parameters(request)).text("limit")
    try:
        limit = whole(text) if text else _TSDB_LIMIT
    except BadData:
        limit = 0
    if limit < 1:
        raise BadData("limit must be a positive number")
    if limit > _TSDB_LIMIT_MAX:
        raise BadData(f"limit must not exceed {_TSDB_LIMIT_MAX}")
    labels = platform.store.promql_labels
    return await answered(request, platform, limits_of(platform), lambda _: Found(labels.cardinality(limit)))


def _retention(platform: Platform) -> str:
    days = platform.settings.lake.retention.metrics_days
    return duration_text(int(days * _NS_PER_DAY)) if days else "0s"
