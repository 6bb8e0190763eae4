"""Request bodies that cannot cost more memory than they may.

A body is read as it comes.  Its length is bounded for itself and, by the :class:`Budget`, for all bodies together.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Request
from litestar.exceptions import ClientException
from litestar.types import Receive

from firstlight.errors import Overloaded, PayloadTooLarge

# A sender that is refused in the middle of its body often reads the answer only after the body's end.
_DRAIN_BYTES = 64 * 2**20
_DRAIN_S = 2.0


class BodyTimeout(ClientException):
    """The sender is too slow."""

    status_code = 408


class SenderGone(ClientException):
    """The client left; nobody reads the answer."""


class Budget:
    """Bytes of request bodies that may be in memory together."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self.used_bytes = 0

    def take(self, count: int) -> None:
        """Reserve ``count`` bytes.

        Raises:
            Overloaded: there is no room for them now.
        """
        if self.used_bytes + count > self._most_bytes:
            raise Overloaded("too many bytes wait to be stored (limits.max_buffered_bytes); try again soon")
        self.used_bytes += count

    def give_back(self, count: int) -> None:
        """Return ``count`` reserved bytes."""
        self.used_bytes -= count


@asynccontextmanager
async def read_body(
    receive: Receive, limit_bytes: int, timeout_s: float, budget: Budget
) -> AsyncIterator[deque[bytes]]:
    """Give the body as it came, and hold its share of the budget while it is used.

    Args:
        receive: of the ASGI connection.
        limit_bytes: longest body.
        timeout_s: seconds that the sender may take.
        budget: shared by all bodies.

    Raises:
        PayloadTooLarge: it is longer than its limit.
        Overloaded: all bodies together are over theirs.
        ClientException: too slow, or the sender is gone.
    """
    chunks: deque[bytes] = deque()
    taken_bytes = 0
    incoming = _incoming(receive)
    try:
        async with asyncio.timeout(timeout_s):
            async for chunk in incoming:
                if taken_bytes + len(chunk) > limit_bytes:
                    raise PayloadTooLarge(f"the body is longer than {limit_bytes} bytes; send smaller batches")
                budget.take(len(chunk))
                taken_bytes += len(chunk)
                chunks.append(chunk)
        yield chunks
    except (PayloadTooLarge, Overloaded):
        chunks.clear()
        await _drain(incoming)
        raise
    except TimeoutError:
        raise BodyTimeout(f"the body did not come within {timeout_s:g} s") from None
    finally:
        budget.give_back(taken_bytes)


def refuse_announced(request: Request[Any, Any, Any], limit_bytes: int) -> None:
    """Spare a sender that asks first (``Expect: 100-continue``) a body that is too long.

    Raises:
        PayloadTooLarge: it is.
    """
    declared = request.headers.get("content-length", "")
    if "expect" in request.headers and declared.isdecimal() and int(declared) > limit_bytes:
        raise PayloadTooLarge(f"the body is longer than {limit_bytes} bytes; send smaller batches")


async def _incoming(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise SenderGone("the client left")
        more = message.get("more_body", False)
        yield message.get("body", b"")


async def _drain(incoming: AsyncIterator[bytes]) -> None:
    seen_bytes = 0
    try:
        async with asyncio.timeout(_DRAIN_S):
            async for chunk in incoming:
                seen_bytes += len(chunk)
                if seen_bytes > _DRAIN_BYTES:
                    return
    except (TimeoutError, SenderGone):
        return
