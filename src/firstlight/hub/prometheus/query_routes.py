"""``/api/v1/query``, ``/query_range``, ``/query_exemplars``: PromQL."""

from dataclasses import replace
from typing import Any

from litestar import Request, Response, route
from litestar.status_codes import HTTP_200_OK

from firstlight.app.platform import Platform
from firstlight.errors import QuerySyntaxError
from firstlight.hub.given import GivenPlatform
from firstlight.hub.prometheus.answers import TRUNCATED
from firstlight.hub.prometheus.asking import Found, answered, limits_of
from firstlight.hub.prometheus.failures import BadData
from firstlight.hub.prometheus.parameters import (
    MAX_FORM_BYTES,
    METHODS,
    NEWEST_NS,
    OLDEST_NS,
    Parameters,
    parameters,
    span_ns,
)
from firstlight.hub.prometheus.statistics import Statistics
from firstlight.query.promql.answer import Answer
from firstlight.query.promql.answer_bytes import answer_pieces
from firstlight.query.promql.engine import Engine
from firstlight.query.promql.language.durations import NS_PER_MS
from firstlight.query.promql.language.parser import parse
from firstlight.query.promql.language.syntax import KIND_NAMES, kind_of
from firstlight.query.promql.limits import Limits

POINTS_MAX = 11_000
_TOO_FINE = (
    "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"
)
_NO_STEP = "zero or negative query resolution step widths are not accepted. Try a positive integer"


@route("/api/v1/query", http_method=METHODS, status_code=HTTP_200_OK, request_max_body_size=MAX_FORM_BYTES)
async def query(request: Request[Any, Any, Any], platform: GivenPlatform) -> Response[bytes]:
    """Evaluate an expression at one moment."""
    asked = await parameters(request)
    limit = asked.limit()
    time_ns = asked.time_ns("time", platform.clock() // NS_PER_MS * NS_PER_MS)
    limits, engine, text = _limits(asked, platform), _engine(asked, platform), asked.text("query")
    _check(text)

    def reading(limits: Limits) -> Found:
        figures = Statistics(asked.text("stats"), limits)
        answer = engine.instant(text, time_ns, limits)
        return _found(answer, limit, figures)

    return await answered(request, platform, limits, reading)


@route("/api/v1/query_range", http_method=METHODS, status_code=HTTP_200_OK, request_max_body_size=MAX_FORM_BYTES)
async def query_range(request: Request[Any, Any, Any], platform: GivenPlatform) -> Response[bytes]:
    """Evaluate an expression at each step of a stretch of time."""
    asked = await parameters(request)
    limit = asked.limit()
    start_ns, end_ns, step_ns = _steps(asked)
    limits, engine, text = _limits(asked, platform), _engine(asked, platform), asked.text("query")
    _check(text, in_range=True)

    def reading(limits: Limits) -> Found:
        figures = Statistics(asked.text("stats"), limits)
        answer = engine.range(text, start_ns, end_ns, step_ns, limits)
        return _found(answer, limit, figures)

    return await answered(request, platform, limits, reading)


@route("/api/v1/query_exemplars", http_method=METHODS, status_code=HTTP_200_OK, request_max_body_size=MAX_FORM_BYTES)
async def query_exemplars(request: Request[Any, Any, Any], platform: GivenPlatform) -> Response[bytes]:
    """Return the exemplars of the series in an expression: none, since a lake keeps none."""
    asked = await parameters(request)
    start_ns, end_ns = asked.time_ns("start", OLDEST_NS), asked.time_ns("end", NEWEST_NS)
    if end_ns < start_ns:
        raise BadData("end timestamp must not be before start timestamp")
    parse(asked.text("query"))
    return await answered(request, platform, limits_of(platform), lambda _: Found([]))


def _steps(asked: Parameters) -> tuple[int, int, int]:
    start_ns, end_ns = asked.needed_time_ns("start"), asked.needed_time_ns("end")
    if end_ns < start_ns:
        raise BadData("end timestamp must not be before start time", "end")
    step_ns = asked.span_ns("step")
    if step_ns <= 0:
        raise BadData(_NO_STEP, "step")
    if (end_ns - start_ns) // step_ns > POINTS_MAX:
        raise BadData(_TOO_FINE)
    return start_ns, end_ns, max(step_ns // NS_PER_MS, 1) * NS_PER_MS


def _limits(asked: Parameters, platform: Platform) -> Limits:
    return limits_of(platform, asked.span_ns("timeout") if asked.text("timeout") else None)


def _engine(asked: Parameters, platform: Platform) -> Engine:
    """Return the lake's engine, looking back as far as is asked for."""
    engine, text = platform.store.promql_engine, asked.text("lookback_delta")
    try:
        lookback_ns = span_ns(text) if text else 0
    except ValueError as error:
        raise BadData(f"error parsing lookback delta duration: {error}") from None
    if lookback_ns <= 0:
        return engine
    return replace(engine, options=replace(engine.options, lookback_ns=lookback_ns))


def _check(text: str, *, in_range: bool = False) -> None:
    """Refuse what is no query before it waits for its turn."""
    try:
        kind = kind_of(parse(text))
    except QuerySyntaxError as error:
        raise BadData(str(error), "query") from None
    if in_range and kind not in {"scalar", "vector"}:
        problem = f'invalid expression type "{KIND_NAMES[kind]}" for range query, must be Scalar or instant Vector'
        raise BadData(problem, "query")


def _found(answer: Answer, limit: int, figures: Statistics) -> Found:
    kept, warnings = answer, list(answer.warnings)
    if 0 < limit < len(answer) and answer.kind in {"vector", "matrix"}:
        kept, warnings = answer.first(limit), [*warnings, TRUNCATED]
    return Found(figures.beside(answer_pieces(kept)), warnings, answer.infos)
