"""Asks the sources of metrics, and is not held up by one that does not answer."""

from collections.abc import Callable
from queue import SimpleQueue
from threading import Event, Lock, Thread
from time import monotonic
from weakref import finalize

from firstlight.sdk.flow.threads import started
from firstlight.sdk.flow.troubles import Troubles
from firstlight.sdk.metrics.observable import Reading, Source

PATIENCE_S = 0.5
"""For one source: twice that, and it is left alone until it has answered."""

ROUND_S = 2.0
"""For all sources of one report."""

MAX_STUCK = 8
"""Sources that may keep a thread each; when there are more, nobody is asked any more until one answers."""


class Asker:
    """Asks sources on a thread of its own, one after the other.

    Args:
        troubles: hears of sources that fail or take too long.

    Attributes:
        failures: answers that did not come, by reason: ``error`` or ``slow``.
    """

    def __init__(self, troubles: Troubles) -> None:
        self._troubles = troubles
        self.restart()

    def restart(self) -> None:
        """Begin anew with no thread, as a forked child does."""
        self.failures: dict[str, int] = {}
        self._lock = Lock()
        self._worker: _Worker | None = None
        self._stuck: dict[Source, Thread] = {}

    def prepare(self) -> None:
        """Start the thread, as long as the interpreter still can."""
        if self._worker is None:
            self._worker = _Worker(self._troubles)
            # Not at the end of the process: the last report is still to come then.
            finalize(self, self._worker.rounds.put, None).atexit = False

    def ask(self, sources: list[Source]) -> list[Reading]:
        """Return what they answer within ``ROUND_S``; called by any thread."""
        with self._lock:
            self._stuck = {source: thread for source, thread in self._stuck.items() if thread.is_alive()}
            waiting = [source for source in sources if source not in self._stuck]
            self._failed("slow", len(sources) - len(waiting))
            readings: list[Reading] = []
            until_s = monotonic() + ROUND_S
            while waiting and len(self._stuck) < MAX_STUCK and monotonic() < until_s:
                done, answers = self._round(waiting, until_s)
                readings += answers
                waiting = waiting[done:]
            self._failed("slow", len(waiting))
            return readings

    def _round(self, waiting: list[Source], until_s: float) -> tuple[int, list[Reading]]:
        """Ask until all have answered or one is stuck; return how many are dealt with, and the answers."""
        self.prepare()
        worker = self._worker
        if worker is None or worker.thread is None:
            self._worker = None
            return len(waiting), []
        asked = _Round(waiting, self._caught)
        worker.rounds.put(asked)
        done = asked.wait(until_s)
        answers = [reading for answer in asked.answers[:done] for reading in answer]
        if done == len(waiting):
            return done, answers
        # The worker ends by itself once the stuck source has answered.
        asked.abandoned = True
        worker.rounds.put(None)
        self._worker = None
        self._stuck[waiting[done]] = worker.thread
        self._troubles.say("slow callback", f"{_name(waiting[done])} takes too long; the report goes without it")
        self._failed("slow", 1)
        return done + 1, answers

    def _caught(self, source: Source, error: Exception) -> None:
        self._failed("error", 1)
        self._troubles.internal(f"asking {_name(source)} failed", error)

    def _failed(self, reason: str, times: int) -> None:
        if times:
            self.failures[reason] = self.failures.get(reason, 0) + times


class _Round:
    """Sources to be asked in their order; ``answers`` grows by one for each."""

    def __init__(self, sources: list[Source], caught: Callable[[Source, Exception], None]) -> None:
        self.answers: list[list[Reading]] = []
        self.abandoned = False
        self._sources = sources
        self._caught = caught
        self._finished = Event()

    def wait(self, until_s: float) -> int:
        """Wait while there is progress; return how many have answered."""
        done = 0
        while not self._finished.wait(max(0.0, min(PATIENCE_S, until_s - monotonic()))):
            if len(self.answers) == done or monotonic() >= until_s:
                break
            done = len(self.answers)
        return len(self.answers)

    def run(self) -> None:
        for source in self._sources:
            if self.abandoned:
                return
            try:
                answer = source.read()
            except Exception as error:  # noqa: BLE001
                # It is the host's own code and may fail in any way; the others must still be asked.
                self._caught(source, error)
                answer = []
            self.answers.append(answer)
        self._finished.set()


class _Worker:
    """A thread that runs rounds until it gets None."""

    def __init__(self, troubles: Troubles) -> None:
        rounds: SimpleQueue[_Round | None] = SimpleQueue()
        self.rounds = rounds
        self.thread = started(lambda: _work(rounds), "firstlight-ask", troubles)


def _work(rounds: "SimpleQueue[_Round | None]") -> None:
    while (asked := rounds.get()) is not None:
        asked.run()
        del asked


def _name(source: Source) -> str:
    definition = getattr(source, "definition", None)
    return definition.name if definition is not None else type(source).__name__
