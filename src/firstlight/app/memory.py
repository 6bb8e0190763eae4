"""Keeps the allocator from holding on to what large requests needed for a moment."""

import contextlib
import ctypes

import pyarrow as pa

# mallopt(3) of glibc.  Left alone it raises its mmap threshold to the largest block that was ever freed, then keeps
# such blocks, and it gives every thread an arena of its own.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_LARGE_BLOCK_BYTES = 256 * 1024
_ARENAS = 2


def give_large_blocks_back() -> None:
    """Have blocks of 256 KiB and more returned to the system as they are freed; without glibc only Arrow's."""
    pa.set_memory_pool(pa.system_memory_pool())
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _LARGE_BLOCK_BYTES)
        mallopt(_M_ARENA_MAX, _ARENAS)
