"""Writes a collector's state again and again."""

from collections.abc import Awaitable, Callable

from firstlight.app.collector.turns import Turns
from firstlight.sdk.flow.troubles import Troubles

INTERVAL_S = 30.0


class PeriodicWriter:
    """Awaits ``write`` every ``interval_s``, the first time at once, and a last time when it is stopped.

    A failure is counted, said in the log at most once a minute, and tried again at the next turn.

    Args:
        write: writes once, with what tries of its own it makes.
        interval_s: seconds from one turn to the next.
        troubles: hears of failures.

    Raises:
        UsageError: the interval is not above zero.

    Attributes:
        writes: how often it succeeded.
        failures: how often it did not.
    """

    def __init__(
        self, write: Callable[[], Awaitable[object]], interval_s: float = INTERVAL_S, *, troubles: Troubles
    ) -> None:
        self.writes = 0
        self.failures = 0
        self._write = write
        self._troubles = troubles
        self._turns = Turns("firstlight-periodic-writer", interval_s, self._turn, self._failed)

    @property
    def running(self) -> bool:
        """Whether it writes at intervals."""
        return self._turns.running

    async def start(self) -> None:
        """Begin on the running event loop and return; does nothing when it has begun."""
        await self._turns.start()

    async def stop(self) -> None:
        """End, and write the last state; does nothing when it has not begun."""
        if not self.running:
            return
        await self._turns.stop()
        try:
            await self._turn()
        except Exception as error:  # noqa: BLE001 - a writer is anybody's code, and stopping must not fail
            self._failed(error)

    async def _turn(self) -> None:
        await self._write()
        self.writes += 1

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        self._troubles.say(
            "periodic write", f"the state was not written, trying again: {type(error).__name__}: {error}"
        )
