"""``/api/v1/series``, ``/labels``, ``/label/<name>/values``, ``/metadata``: what series there are."""

from typing import Any

from litestar import Request, Response, get, route
from litestar.params import FromPath
from litestar.status_codes import HTTP_200_OK

from firstlight.codecs.prometheus_escaping import unescaped
from firstlight.hub.given import GivenPlatform
from firstlight.hub.prometheus.asking import Found, answered, limited, limits_of
from firstlight.hub.prometheus.failures import BadData
from firstlight.hub.prometheus.parameters import (
    MAX_FORM_BYTES,
    METHODS,
    NEWEST_NS,
    OLDEST_NS,
    Parameters,
    parameters,
    whole,
)
from firstlight.query.promql.language.quoting import is_text, quoted
from firstlight.query.promql.sources.lake_labels import Chosen


@route("/api/v1/series", http_method=METHODS, status_code=HTTP_200_OK, request_max_body_size=MAX_FORM_BYTES)
async def find_series(request: Request[Any, Any, Any], platform: GivenPlatform) -> Response[bytes]:
    """Return the label sets of the series that meet one of several selectors."""
    asked = await parameters(request)
    if not asked.texts("match[]"):
        raise BadData("no match[] parameter provided")
    limit, chosen, labels = asked.limit(), _chosen(asked, named=True), platform.store.promql_labels
    return await answered(
        request,
        platform,
        limits_of(platform),
        lambda limits: limited([dict(one) for one in labels.sets(chosen, limits)], limit),
    )


@route("/api/v1/labels", http_method=METHODS, status_code=HTTP_200_OK, request_max_body_size=MAX_FORM_BYTES)
async def find_labels(request: Request[Any, Any, Any], platform: GivenPlatform) -> Response[bytes]:
    """Return the names of the labels of series."""
    asked = await parameters(request)
    limit, chosen, labels = asked.limit(), _chosen(asked), platform.store.promql_labels
    return await answered(
        request, platform, limits_of(platform), lambda limits: limited(labels.names(chosen, limits), limit)
    )


@get("/api/v1/label/{name:str}/values")
async def find_label_values(
    request: Request[Any, Any, Any], platform: GivenPlatform, name: FromPath[str]
) -> Response[bytes]:
    """Return the values that a label has."""
    meant = unescaped(name)
    if not is_text(meant):
        raise BadData(f"invalid label name: {quoted(meant)}")
    asked = await parameters(request)
    limit, chosen, labels = asked.limit(), _chosen(asked), platform.store.promql_labels
    return await answered(
        request, platform, limits_of(platform), lambda limits: limited(labels.values(meant, chosen, limits), limit)
    )


@get("/api/v1/metadata")
async def find_metadata(request: Request[Any, Any, Any], platform: GivenPlatform) -> Response[bytes]:
    """Return what metrics mean: type, help and unit."""
    asked = await parameters(request)
    limit, per_metric, metric = _number(asked, "limit"), _number(asked, "limit_per_metric"), asked.text("metric")

    def reading(_: Any) -> Found:
        known = platform.store.promql_labels.metadata(platform.writes.metadata)
        names = [metric] if metric in known else [] if metric else sorted(known)
        names = names[:limit] if limit >= 0 else names
        return Found({name: known[name][:per_metric] if per_metric > 0 else known[name] for name in names})

    return await answered(request, platform, limits_of(platform), reading)


def _number(asked: Parameters, name: str) -> int:
    text = asked.text(name)
    try:
        return whole(text) if text else -1
    except BadData:
        raise BadData(f"{name} must be a number") from None


def _chosen(asked: Parameters, *, named: bool = False) -> Chosen:
    span_ns = asked.time_ns("start", OLDEST_NS), asked.time_ns("end", NEWEST_NS)
    return Chosen(asked.selectors(named=named), span_ns)
