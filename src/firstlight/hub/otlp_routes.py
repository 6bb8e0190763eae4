"""``POST /v1/traces``, ``/v1/metrics``, ``/v1/logs``: OTLP/HTTP."""

import math
from typing import Any

from litestar import Request, Response, post
from litestar.exceptions import ClientException
from litestar.status_codes import HTTP_200_OK

from firstlight.app.deliveries import Reply
from firstlight.hub.bodies import read_body, refuse_announced
from firstlight.hub.given import GivenBudget, GivenPlatform
from firstlight.ingest.inflate import ENCODINGS
from firstlight.ingest.otlp import SIGNALS


class UnknownEncoding(ClientException):
    """The body's Content-Encoding is none that we know."""

    status_code = 415


@post([f"/v1/{signal}" for signal in SIGNALS], status_code=HTTP_200_OK, request_max_body_size=None)
async def receive_otlp(
    request: Request[Any, Any, Any], platform: GivenPlatform, body_budget: GivenBudget
) -> Response[bytes]:
    """Store one delivery and say so; what was answered with 200 is kept."""
    signal = request.url.path.rsplit("/", 1)[1]
    limits = platform.settings.limits
    encoding = _encoding(request)
    refuse_announced(request, limits.max_body_bytes)
    content_type = request.headers.get("content-type", "")
    delivery = request.headers.get("firstlight-delivery", "")
    async with read_body(request.receive, limits.max_body_bytes, limits.body_timeout_s, body_budget) as chunks:
        reply = await platform.ingest_gate.run(
            platform.deliveries.take, signal, content_type, encoding, chunks, delivery
        )
    if reply.status >= 400:  # noqa: PLR2004 - where HTTP's errors begin
        platform.metrics.ingest_errors.inc(f"status_{reply.status}")
    return _respond(reply)


def _encoding(request: Request[Any, Any, Any]) -> str:
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding not in ENCODINGS:
        raise UnknownEncoding(f"Content-Encoding {encoding!r} is not known; use gzip, deflate or none")
    return encoding


def _respond(reply: Reply) -> Response[bytes]:
    headers = {} if reply.retry_after_s is None else {"retry-after": str(math.ceil(reply.retry_after_s))}
    return Response(reply.body, status_code=reply.status, media_type=reply.content_type, headers=headers)
