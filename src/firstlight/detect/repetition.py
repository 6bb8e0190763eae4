"""The same thing again and again: what a program does that has got into a loop."""

from collections import OrderedDict
from collections.abc import Hashable

_NS_PER_S = 1_000_000_000


class _Count:
    __slots__ = ("begun_ns", "repeats", "tripped")

    def __init__(self, begun_ns: int) -> None:
        self.begun_ns = begun_ns
        self.repeats = 0
        self.tripped = False


class Repetition:
    """Notices keys that come too often; called from one thread at a time.

    A key that comes more than ``max_repeats`` times within ``window_s`` is a loop, and stays one until a whole window
    has seen it less often.  How often *different* keys come does not matter.

    Args:
        max_repeats: how often a key may come in a window.
        window_s: the window, in seconds.
        max_keys: keys that are remembered; the one that was not seen for longest is forgotten first.
    """

    def __init__(self, max_repeats: int, window_s: float, max_keys: int = 4096) -> None:
        self._max_repeats = max_repeats
        self._window_ns = round(window_s * _NS_PER_S)
        self._max_keys = max_keys
        self._counts: OrderedDict[Hashable, _Count] = OrderedDict()

    def __len__(self) -> int:
        """Return how many keys are remembered."""
        return len(self._counts)

    def is_loop(self, key: Hashable, now_ns: int) -> bool:
        """Count ``key`` and return whether it is a loop."""
        count = self._counts.get(key)
        if count is None:
            count = self._counts[key] = _Count(now_ns)
            if len(self._counts) > self._max_keys:
                self._counts.popitem(last=False)
        else:
            self._counts.move_to_end(key)
        # A clock that was set back begins a window, too.
        if not 0 <= now_ns - count.begun_ns < self._window_ns:
            in_time = now_ns - count.begun_ns < 2 * self._window_ns
            count.tripped = count.tripped and in_time and count.repeats > self._max_repeats
            count.begun_ns, count.repeats = now_ns, 0
        count.repeats += 1
        count.tripped = count.tripped or count.repeats > self._max_repeats
        return count.tripped
