"""Compressed bodies, inflated as they come and never beyond a limit."""

import zlib
from collections.abc import Iterable, Iterator

from firstlight.errors import DecodeError, PayloadTooLarge

STEP_BYTES = 256 * 1024
"""Most that one step inflates to: what a bomb can cost beyond the limit."""

_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
ENCODINGS = ("", "identity", *_WINDOWS)
"""Values of Content-Encoding that can be read."""


def inflate(chunks: Iterable[bytes], encoding: str, limit_bytes: int) -> Iterator[bytes]:
    """Yield what ``chunks`` stand for, in pieces of at most 256 KiB when they are compressed.

    Args:
        chunks: the body as it comes.
        encoding: Content-Encoding, one of ``ENCODINGS``.
        limit_bytes: most bytes that all pieces may have together.

    Raises:
        DecodeError: the body is not what its encoding says, ends too early, or the encoding is unknown.
        PayloadTooLarge: it goes on beyond ``limit_bytes``.
    """
    if encoding not in ENCODINGS:
        raise DecodeError(f"Content-Encoding {encoding!r} is not known; use gzip, deflate or none")
    total_bytes = 0
    for piece in _members(chunks, _WINDOWS[encoding]) if encoding in _WINDOWS else chunks:
        total_bytes += len(piece)
        if total_bytes > limit_bytes:
            raise PayloadTooLarge(f"the body inflates to more than {limit_bytes} bytes; send smaller batches")
        yield piece


def _members(chunks: Iterable[bytes], window: int) -> Iterator[bytes]:
    inflater = zlib.decompressobj(window)
    try:
        for chunk in chunks:
            rest = chunk
            while rest:
                if inflater.eof:  # a gzip body may have several members
                    inflater = zlib.decompressobj(window)
                piece = inflater.decompress(rest, STEP_BYTES)
                rest = inflater.unconsumed_tail or inflater.unused_data
                if piece:
                    yield piece
    except zlib.error as error:
        raise DecodeError(f"the body is not what its Content-Encoding says: {error}") from None
    if not inflater.eof:
        raise DecodeError("the compressed body ends too early")
