"""How the routes read: in a thread, within limits, until the client leaves."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from litestar import Request, Response

from firstlight.app.platform import Platform
from firstlight.app.queries import Runner
from firstlight.hub.attended import attended
from firstlight.hub.prometheus.answers import TRUNCATED, Body, packed, respond, success, takes_gzip
from firstlight.query.promql.language.durations import NS_PER_S
from firstlight.query.promql.limits import Limits


class Found(NamedTuple):
    """What an answer says: data, and what to know of them."""

    data: Any
    warnings: Sequence[str] = ()
    infos: Sequence[str] = ()


def limits_of(platform: Platform, timeout_ns: int | None = None) -> Limits:
    """Return the limits of a request that came now; waiting for its turn counts."""
    settings = platform.settings.limits
    most_s = settings.query_time_s
    if timeout_ns is not None:
        most_s = min(most_s, timeout_ns / NS_PER_S)
    return Limits(settings.query_samples, time.monotonic() + most_s)


async def answered(
    request: Request[Any, Any, Any], platform: Platform, limits: Limits, reading: Callable[[Limits], Found]
) -> Response[bytes]:
    """Return the answer that ``reading`` finds."""
    as_gzip = takes_gzip(request)

    def work(runner: Runner) -> Body:
        limits.is_canceled = runner.cancel.is_set
        limits.check()
        return packed(_within(limits, success(*reading(limits))), as_gzip)

    return respond(await attended(request, platform.queries.run(work)))


def _within(limits: Limits, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Pass ``pieces`` on as long as there is time; writing a long answer takes as long as finding it."""
    for piece in pieces:
        limits.check()
        yield piece


def limited(found: list[Any], limit: int) -> Found:
    """Return the first ``limit`` (0: all) of ``found``."""
    return Found(found[:limit], [TRUNCATED]) if 0 < limit < len(found) else Found(found)
