"""Time that a test holds in its hand."""

NS_PER_S = 1_000_000_000
START_NS = 1_700_000_000 * NS_PER_S


class FakeClock:
    """A clock that moves only when told to; call it for nanoseconds since the epoch.

    Attributes:
        time_ns: the present.
    """

    def __init__(self, time_ns: int = START_NS) -> None:
        self.time_ns = time_ns

    def __call__(self) -> int:
        """Return the present."""
        return self.time_ns

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.time_ns += round(seconds * NS_PER_S)
