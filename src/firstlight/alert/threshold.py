"""A threshold over the last moments of one metric, judged value by value."""

import operator
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from firstlight.errors import UsageError
from firstlight.stats.tally import READINGS, Tally, together

Turn = Literal["firing", "resolved"]

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
_STEPS = 60
"""A window is kept in this many steps, so that its memory and the cost of a value do not depend on the rate."""
_NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """What is bad.

    Attributes:
        operator: one of :data:`OPERATORS`.
        threshold: the condition is ``reading operator threshold``.
        aggregation: what is read off the window: one of :data:`~firstlight.stats.tally.READINGS`.
        window_s: the window; 0 looks at single values.
        clear_threshold: once firing, the condition ends beyond this one; None means ``threshold`` itself.
        cooldown_s: how long after it began to fire it does not begin again.

    Raises:
        UsageError: there is no such operator or aggregation, or a time is negative.
    """

    operator: str
    threshold: float
    aggregation: str = "MEAN"
    window_s: float = 60.0
    clear_threshold: float | None = None
    cooldown_s: float = 60.0

    def __post_init__(self) -> None:
        """Check the values."""
        if self.operator not in OPERATORS:
            raise UsageError(f"a threshold compares with one of {' '.join(OPERATORS)}, not {self.operator!r}")
        if self.aggregation not in READINGS:
            raise UsageError(f"a threshold looks at one of {', '.join(READINGS)}, not {self.aggregation!r}")
        if min(self.window_s, self.cooldown_s) < 0:
            raise UsageError("window_s and cooldown_s of a threshold cannot be negative")


class ThresholdWatch:
    """Watches one threshold; called from one thread at a time.

    Args:
        rule: the threshold.

    Attributes:
        firing: whether the condition holds.
        reading: the figure that was compared last; None before the first value.
    """

    def __init__(self, rule: Threshold) -> None:
        self.rule = rule
        self.firing = False
        self.reading: float | None = None
        self._window_ns = round(rule.window_s * _NS_PER_S)
        self._step_ns = max(1, self._window_ns // _STEPS)
        self._steps: deque[tuple[int, Tally]] = deque()
        self._fired_ns: int | None = None

    def observe(self, value: float, time_ns: int, now_ns: int) -> Turn | None:
        """Take a value in; return what it turned the condition into, or None when that is what it was.

        A value older than the window says nothing about now and is left out; one from the future counts as of now.
        """
        if self._window_ns and time_ns < now_ns - self._window_ns:
            return None
        self._take_in(value, min(time_ns, now_ns))
        self._forget(now_ns)
        self.reading = READINGS[self.rule.aggregation](together(tally for _, tally in self._steps))
        return self._turn(self.reading, now_ns)

    def _take_in(self, value: float, time_ns: int) -> None:
        step = time_ns // self._step_ns
        steps = self._steps
        if not self._window_ns:
            steps.clear()
        if not steps or step > steps[-1][0]:
            steps.append((step, Tally()))
        # A value that comes late by a step or more counts with the newest ones.
        steps[-1][1].add(value)

    def _forget(self, now_ns: int) -> None:
        oldest = (now_ns - self._window_ns) // self._step_ns
        while len(self._steps) > 1 and self._steps[0][0] <= oldest:
            self._steps.popleft()

    def _turn(self, reading: float, now_ns: int) -> Turn | None:
        rule = self.rule
        limit = rule.threshold if rule.clear_threshold is None or not self.firing else rule.clear_threshold
        is_bad = OPERATORS[rule.operator](reading, limit)
        if is_bad == self.firing or (is_bad and self._cools(now_ns)):
            return None
        self.firing = is_bad
        if not is_bad:
            return "resolved"
        self._fired_ns = now_ns
        return "firing"

    def _cools(self, now_ns: int) -> bool:
        return self._fired_ns is not None and now_ns - self._fired_ns < self.rule.cooldown_s * _NS_PER_S
