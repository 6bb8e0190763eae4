"""``POST /api/v1/write``: remote write 1.0."""

import math
from typing import Any

from litestar import Request, Response, post
from litestar.status_codes import HTTP_200_OK, HTTP_204_NO_CONTENT

from firstlight.errors import Overloaded
from firstlight.hub.bodies import BodyTimeout, read_body, refuse_announced
from firstlight.hub.given import GivenBudget, GivenPlatform
from firstlight.hub.prometheus.failures import WRITE_PATH


@post(WRITE_PATH, status_code=HTTP_200_OK, request_max_body_size=None)
async def receive_write(
    request: Request[Any, Any, Any], platform: GivenPlatform, body_budget: GivenBudget
) -> Response[bytes | None]:
    """Store one request and say so; what was answered with 204 is kept."""
    limits, headers = platform.settings.limits, request.headers
    refuse_announced(request, limits.max_body_bytes)
    asked = headers.get("content-type", ""), headers.get("content-encoding", "")
    try:
        async with read_body(request.receive, limits.max_body_bytes, limits.body_timeout_s, body_budget) as chunks:
            take, sender = platform.writes.take, headers.get("user-agent", "")
            reply = await platform.ingest_gate.run(take, *asked, chunks, sender)
    except BodyTimeout as error:
        # Of all 4xx a sender repeats only 429, and a slow network is no reason to lose anything.
        raise Overloaded(str(error)) from None
    if reply.status == HTTP_204_NO_CONTENT:
        return Response(None, status_code=HTTP_204_NO_CONTENT)
    platform.metrics.ingest_errors.inc(f"status_{reply.status}")
    retry = {} if reply.retry_after_s is None else {"retry-after": str(math.ceil(reply.retry_after_s))}
    return Response(reply.text.encode(), status_code=reply.status, media_type="text/plain", headers=retry)
