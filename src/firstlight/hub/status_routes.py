"""``GET /api/status``, ``/api/health``, ``/api/config``: how the hub itself is."""

import asyncio
import math
from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import get

from firstlight.app.settings import Shown
from firstlight.app.sources import Source
from firstlight.hub.given import GivenPlatform
from firstlight.model import Health, HealthPart, HealthReport, HealthState
from firstlight.version import __version__

_HOST_SERVICE = "host"
_NS_PER_S = 1_000_000_000


class Score(msgspec.Struct):
    """Health in short."""

    score: float | None
    state: HealthState


class Status(msgspec.Struct):
    """The answer to ``/api/status``."""

    version: str
    time_ns: int
    started_ns: int
    uptime_s: float
    url: str
    pid: int
    data_dir: str
    health: Score
    health_parts: tuple[HealthPart, ...]
    subsystems: Mapping[str, Health]
    series: int
    host_series: int
    sources: list[Source]
    lake: Mapping[str, Any]
    counters: Mapping[str, float]


class Config(msgspec.Struct):
    """The answer to ``/api/config``."""

    settings: list[Shown]


@get("/api/status")
async def show_status(platform: GivenPlatform) -> Status:
    """Return how the hub is, what it keeps and who sends."""
    return await asyncio.to_thread(_status, platform)


@get("/api/health")
async def show_health(platform: GivenPlatform) -> HealthReport:
    """Return the newest assessment."""
    return platform.health


@get("/api/config")
async def show_config(platform: GivenPlatform) -> Config:
    """Return every setting with its source, secrets masked."""
    return Config(platform.resolved.shown())


def _status(platform: GivenPlatform) -> Status:
    now_ns = platform.clock()
    known = list(platform.store.series().values())
    overall = platform.health.overall
    return Status(
        version=__version__,
        time_ns=now_ns,
        started_ns=platform.started_ns,
        uptime_s=max(0.0, (now_ns - platform.started_ns) / _NS_PER_S),
        url=platform.url,
        pid=platform.pid,
        data_dir=platform.settings.data_dir,
        health=Score(overall.score, overall.state),
        health_parts=overall.parts,
        subsystems=platform.health.subsystems,
        series=len(known),
        host_series=sum(series.service == _HOST_SERVICE for series in known),
        sources=platform.sources.seen(),
        lake=platform.store.stats(),
        counters={name: _whole(value) for name, value in platform.metrics.registry.totals().items()},
    )


def _whole(value: float) -> float:
    return int(value) if math.isfinite(value) and value == int(value) else value
