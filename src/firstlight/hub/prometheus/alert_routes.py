"""``/api/v1/targets``, ``/rules``, ``/alerts`` and their like: who sends, and what is watched."""

from typing import Any

from litestar import Request, Response, get

from firstlight.app.sources import Source
from firstlight.hub.given import GivenPlatform
from firstlight.hub.prometheus.answers import plainly
from firstlight.hub.prometheus.failures import BadData
from firstlight.hub.prometheus.moments import moment
from firstlight.hub.prometheus.parameters import parameters

_POOL = "pushed"
_RULE_TYPES = frozenset({"", "alert", "record"})


@get("/api/v1/targets")
async def show_targets(request: Request[Any, Any, Any], platform: GivenPlatform) -> Response[bytes]:
    """Return who sends to this hub, in the form of what Prometheus scrapes."""
    asked = await parameters(request)
    state, pool = asked.text("state").lower(), asked.text("scrapePool")
    wants_active = state in {"", "any", "active"} and pool in {"", _POOL}
    active = [_target(source) for source in platform.sources.seen()] if wants_active else []
    dropped: dict[str, int] | None = {} if state in {"", "any", "dropped"} else None
    return plainly(request, {"activeTargets": active, "droppedTargets": [], "droppedTargetCounts": dropped})


@get("/api/v1/scrape_pools")
async def show_pools(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return the one group of those who send."""
    return plainly(request, {"scrapePools": [_POOL]})


@get("/api/v1/rules")
async def show_rules(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return the groups of rules: none yet."""
    asked = await parameters(request)
    if (kind := asked.text("type").lower()) not in _RULE_TYPES:
        raise BadData(f'not supported value "{kind}"', "type")
    asked.selectors()
    return plainly(request, {"groups": []})


@get("/api/v1/alerts")
async def show_alerts(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return the alerts that are active: none yet."""
    return plainly(request, {"alerts": []})


@get("/api/v1/alertmanagers")
async def show_alertmanagers(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return the Alertmanagers that are told: none yet."""
    return plainly(request, {"activeAlertmanagers": [], "droppedAlertmanagers": []})


def _target(source: Source) -> dict[str, Any]:
    """A sender; its health is not known, since nobody asks it anything."""
    labels = {"job": source.service, "instance": source.session_id, "host": source.host}
    labels = {name: value for name, value in labels.items() if value}
    return {
        "discoveredLabels": labels,
        "labels": labels,
        "scrapePool": _POOL,
        "scrapeUrl": "",
        "globalUrl": "",
        "lastError": "",
        "lastScrape": moment(source.last_seen_ns),
        "lastScrapeDuration": 0,
        "health": "unknown",
        "scrapeInterval": "0s",
        "scrapeTimeout": "0s",
    }
