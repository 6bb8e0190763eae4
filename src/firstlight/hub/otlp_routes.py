"""``POST /v1/traces``, ``/v1/metrics``, ``/v1/logs``: OTLP/HTTP."""

import math
from typing import Any

from litestar import Request, Response, post
from litestar.status_codes import HTTP_200_OK

from firstlight.app.platform import OtlpReply, Platform
from firstlight.errors import PayloadTooLarge
from firstlight.hub.bodies import Budget, read_body

SIGNALS = ("traces", "metrics", "logs")


@post([f"/v1/{signal}" for signal in SIGNALS], status_code=HTTP_200_OK, request_max_body_size=None)
async def receive_otlp(request: Request[Any, Any, Any], platform: Platform, body_budget: Budget) -> Response[bytes]:
    """Store one delivery and say so; what was answered with 200 is kept."""
    signal = request.url.path.rsplit("/", 1)[1]
    limits = platform.settings.limits
    if _declared_length(request) > limits.max_body_bytes:
        raise PayloadTooLarge(f"the body is longer than {limits.max_body_bytes} bytes; send smaller batches")
    encoding = request.headers.get("content-encoding", "").strip().lower()
    content_type = request.headers.get("content-type", "")
    async with read_body(request.receive, encoding, limits, body_budget) as body:
        platform.metrics.ingest_bytes.inc(signal, by=len(body))
        reply = await platform.ingest_gate.run(platform.otlp.handle, signal, content_type, body, platform.clock())
    return _respond(reply)


def _declared_length(request: Request[Any, Any, Any]) -> int:
    declared = request.headers.get("content-length", "")
    return int(declared) if declared.isdecimal() else 0


def _respond(reply: OtlpReply) -> Response[bytes]:
    headers = {} if reply.retry_after_s is None else {"retry-after": str(math.ceil(reply.retry_after_s))}
    return Response(reply.body, status_code=reply.status, media_type=reply.content_type, headers=headers)
