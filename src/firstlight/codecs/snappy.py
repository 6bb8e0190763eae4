"""Snappy's block format, never inflated beyond a limit.

Source: github.com/google/snappy/blob/main/format_description.txt.  A block begins with its inflated length, so that is
known before any memory is taken for it.
"""

import cramjam

from firstlight.codecs.otlp.wire import varint
from firstlight.errors import DecodeError, PayloadTooLarge


def inflated(block: bytes, limit_bytes: int) -> bytes:
    """Return what ``block`` stands for.

    Raises:
        DecodeError: it is no snappy block.
        PayloadTooLarge: it would have more than ``limit_bytes``.
    """
    declared_bytes = varint(block, 0)[0] if block else -1
    if declared_bytes > limit_bytes:
        raise PayloadTooLarge(f"the body inflates to more than {limit_bytes} bytes; send smaller batches")
    try:
        return bytes(cramjam.snappy.decompress_raw(block))
    except cramjam.DecompressionError as error:
        raise DecodeError(f"the body is no snappy block: {error}") from None
