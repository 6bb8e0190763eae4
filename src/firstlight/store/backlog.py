"""How much of the logs waits to be sealed, and what that means for those who append.

What waits is kept in memory by every reader, so it must stay bounded.  Whoever appends faster than is sealed is slowed
down a little at each append, early, rather than stopped for long, late.
"""

import time
from pathlib import Path

SLOW_BYTES = 32 * 2**20
"""Up to here nobody waits: a log that grows and one that is being sealed."""

MOST_BYTES = 64 * 2**20
"""From here on nothing is taken."""

LEAST_BYTES_PER_S = 4 * 2**20
"""What is still taken just below ``MOST_BYTES``."""

LONGEST_S = 0.1
LOOK_EVERY_S = 0.05


class Backlog:
    """Follows the size of all logs of a lake.

    Args:
        directory: of the writers' directories.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._bytes = 0
        self._look_s = 0.0

    def bytes(self) -> int:
        """Return the size of all log files there; asking again within 50 ms gives the same answer."""
        now_s = time.monotonic()
        if now_s >= self._look_s:
            self._bytes = sum(map(_size, self._directory.glob("*/*.wal")))
            self._look_s = now_s + LOOK_EVERY_S
        return self._bytes

    def is_full(self) -> bool:
        """Return whether nothing more may be appended for now."""
        return self.bytes() > MOST_BYTES

    def delay_s(self, appended_bytes: int) -> float:
        """Return how long whoever has appended so much should wait, so that sealing keeps up."""
        over = (self.bytes() - SLOW_BYTES) / (MOST_BYTES - SLOW_BYTES)
        return min(LONGEST_S, max(0.0, over) * appended_bytes / LEAST_BYTES_PER_S)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
