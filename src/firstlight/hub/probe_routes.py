"""``GET /livez``, ``/readyz``, ``/metrics``: for whoever runs the hub; two more names are those of Prometheus."""

import asyncio
from typing import Any

from litestar import MediaType, Response, get
from litestar.status_codes import HTTP_200_OK, HTTP_503_SERVICE_UNAVAILABLE

from firstlight.app.exposition import exposition
from firstlight.codecs.prometheus_text import CONTENT_TYPE
from firstlight.hub.given import GivenPlatform


@get(["/livez", "/-/healthy"], media_type=MediaType.TEXT)
async def is_alive() -> str:
    """Say that the process serves; nothing else can change the answer."""
    return "ok"


@get(["/readyz", "/-/ready"])
async def is_ready(platform: GivenPlatform) -> Response[dict[str, Any]]:
    """Say whether the hub can take and answer, and why not."""
    reasons = platform.unready_reasons()
    if reasons:
        return Response({"ready": False, "reasons": reasons}, status_code=HTTP_503_SERVICE_UNAVAILABLE)
    return Response({"ready": True}, status_code=HTTP_200_OK)


@get("/metrics")
async def show_metrics(platform: GivenPlatform) -> Response[bytes]:
    """Return the hub's own figures as Prometheus text."""
    text = await asyncio.to_thread(lambda: exposition(platform.metrics.registry.collect()))
    return Response(text, headers={"content-type": CONTENT_TYPE})
