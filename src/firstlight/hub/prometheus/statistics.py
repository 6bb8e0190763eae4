"""What a query cost, for those who ask (``stats=all``)."""

import time
from collections.abc import Iterator
from typing import Any

import msgspec

from firstlight.query.promql.limits import Limits


class Statistics:
    """Begins to count when it is made.

    Args:
        asked: the parameter ``stats``; empty for none.
        limits: of the query.
    """

    def __init__(self, asked: str, limits: Limits) -> None:
        self._asked = asked
        self._limits = limits
        self._began_s = time.monotonic()

    def beside(self, data: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the pieces of the JSON object ``data`` with the statistics in it."""
        if not self._asked:
            yield from data
            return
        figures = self._figures()
        last = b""
        for piece in data:
            yield last
            last = piece
        yield b'%b,"stats":%b}' % (last[:-1], msgspec.json.encode(figures))

    def _figures(self) -> dict[str, Any]:
        spent_s = time.monotonic() - self._began_s
        waited_s = max(0.0, self._began_s - self._limits.began_s)
        timings = {
            "evalTotalTime": spent_s,
            "resultSortTime": 0,
            "queryPreparationTime": 0,
            "innerEvalTime": spent_s,
            "execQueueTime": waited_s,
            "execTotalTime": waited_s + spent_s,
        }
        samples = {"totalQueryableSamples": self._limits.samples, "peakSamples": self._limits.samples}
        return {"timings": timings, "samples": samples}
