"""Request bodies that cannot cost more memory than they may.

A body is read as it comes and inflated as it is read.  What it may grow to is bounded for itself and, by the
:class:`Budget`, for all bodies together.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from litestar.exceptions import ClientException
from litestar.types import Receive

from firstlight.app.settings import LimitSettings
from firstlight.errors import DecodeError, Overloaded, PayloadTooLarge

_STEP_BYTES = 256 * 1024
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_ZLIB_WINDOW = zlib.MAX_WBITS
_WINDOWS = {"gzip": _GZIP_WINDOW, "deflate": _ZLIB_WINDOW}
# A sender that is refused in the middle of its body often reads the answer only after the body's end.
_DRAIN_BYTES = 64 * 2**20
_DRAIN_S = 2.0


class BodyTimeout(ClientException):
    """The sender is too slow."""

    status_code = 408


class UnknownEncoding(ClientException):
    """The body's Content-Encoding is none that we know."""

    status_code = 415


class SenderGone(ClientException):
    """The sender left before the end of its body; nobody reads the answer."""


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


class _Inflation:
    """Turns a body's chunks into pieces of what it stands for, never more than a step at once."""

    def __init__(self, encoding: str, limits: LimitSettings) -> None:
        self._limits = limits
        self._received_bytes = 0
        self._inflated_bytes = 0
        self._window = _WINDOWS.get(encoding, 0)
        self._inflater = zlib.decompressobj(self._window) if self._window else None

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        self._received_bytes += len(chunk)
        if self._received_bytes > self._limits.max_body_bytes:
            raise PayloadTooLarge(f"the body is longer than {self._limits.max_body_bytes} bytes; send smaller batches")
        for piece in self._inflate(chunk) if self._inflater else [chunk]:
            self._inflated_bytes += len(piece)
            if self._inflated_bytes > self._limits.max_inflated_bytes:
                limit = self._limits.max_inflated_bytes
                raise PayloadTooLarge(f"the body inflates to more than {limit} bytes; send smaller batches")
            yield piece

    def finish(self) -> None:
        if self._inflater and not self._inflater.eof:
            raise DecodeError("the compressed body ends too early")

    def _inflate(self, chunk: bytes) -> Iterator[bytes]:
        try:
            while chunk:
                assert self._inflater is not None
                if self._inflater.eof:  # a gzip body may have several members
                    self._inflater = zlib.decompressobj(self._window)
                piece = self._inflater.decompress(chunk, _STEP_BYTES)
                chunk = self._inflater.unconsumed_tail or self._inflater.unused_data
                if piece:
                    yield piece
        except zlib.error as error:
            raise DecodeError(f"the body is not what its Content-Encoding says: {error}") from None


@asynccontextmanager
async def read_body(receive: Receive, encoding: str, limits: LimitSettings, budget: Budget) -> AsyncIterator[bytes]:
    """Give the whole body, inflated, and hold its share of the budget while it is used.

    Args:
        receive: of the ASGI connection.
        encoding: Content-Encoding, lower case; empty for none.
        limits: how long a body may be and how long it may take.
        budget: shared by all bodies.

    Raises:
        PayloadTooLarge: it is over a limit.
        Overloaded: all bodies together are over theirs.
        DecodeError: it does not inflate.
        ClientException: unknown encoding, too slow, or the sender is gone.
    """
    if encoding not in ("", "identity", *_WINDOWS):
        raise UnknownEncoding(f"Content-Encoding {encoding!r} is not known; use gzip or none")
    pieces: list[bytes] = []
    try:
        async with asyncio.timeout(limits.body_timeout_s):
            await _collect(pieces, receive, _Inflation(encoding, limits), budget)
    except TimeoutError:
        budget.give_back(sum(map(len, pieces)))
        raise BodyTimeout(f"the body did not come within {limits.body_timeout_s:g} s") from None
    except BaseException:
        budget.give_back(sum(map(len, pieces)))
        raise
    body = b"".join(pieces)
    pieces.clear()
    try:
        yield body
    finally:
        budget.give_back(len(body))


async def _collect(pieces: list[bytes], receive: Receive, inflation: _Inflation, budget: Budget) -> None:
    chunks = _chunks(receive)
    try:
        async for chunk in chunks:
            for piece in inflation.feed(chunk):
                budget.take(len(piece))
                pieces.append(piece)
                await asyncio.sleep(0)
        inflation.finish()
    except (PayloadTooLarge, Overloaded, DecodeError):
        await _drain(chunks)
        raise


async def _chunks(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise SenderGone("the sender left")
        more = message.get("more_body", False)
        yield message.get("body", b"")


async def _drain(chunks: AsyncIterator[bytes]) -> None:
    seen_bytes = 0
    try:
        async with asyncio.timeout(_DRAIN_S):
            async for chunk in chunks:
                seen_bytes += len(chunk)
                if seen_bytes > _DRAIN_BYTES:
                    return
    except (TimeoutError, SenderGone):
        return
