"""Work for somebody who may leave."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from litestar import Request

from firstlight.hub.bodies import SenderGone

T = TypeVar("T")


async def attended(request: Request[Any, Any, Any], work: Coroutine[Any, Any, T]) -> T:
    """Return what ``work`` returns; cancel it when the client closes the connection.

    The request's body must have been read.

    Raises:
        SenderGone: the client left; nobody reads the answer.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_until_gone(request))
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise SenderGone("the client left")
        return task.result()
    finally:
        gone.cancel()
        task.cancel()


async def _until_gone(request: Request[Any, Any, Any]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
