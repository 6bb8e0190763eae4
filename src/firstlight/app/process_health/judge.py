"""The judgement: what was recorded, as scores and as conditions that somebody should know of.

A subsystem has up to four parts, each a score by straight lines between the points below:

- *error events*: the share of its events of the last five minutes that are errors;
- *failed operations*: the same of its operations;
- *duration*: how much longer an operation takes in the last minute than in the four before, of the worst one;
- *silence*, once it is unusual: how long nothing came, over ten times its usual interval but at least a minute.

Shares are read at the lower end of their 95 % interval, with the points of the pack ``signals``, so that one error out
of one is not yet a disaster.  Two further parts are the recorder's own: how much it lost, and whether deliveries fail.
Parts make a score, and scores the overall one, by the rules of :mod:`firstlight.assess.health`.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import NamedTuple

from firstlight.app.process_health.watch import NS_PER_S, SLOT_S, WINDOW_S, Sums, Track, Watch
from firstlight.assess.health import combined
from firstlight.assess.packs import Points, score_at
from firstlight.assess.shares import lower_bound
from firstlight.model import Health, HealthPart
from firstlight.ports import Clock
from firstlight.sdk.client import Telemetry

RECENT_S = 60
SHARE_SCORE: Points = ((0.0, 1.0), (0.01, 0.9), (0.1, 0.6), (0.3, 0.3), (0.6, 0.0))
SLOWER_SCORE: Points = ((1.5, 1.0), (2.0, 0.6), (4.0, 0.3), (8.0, 0.0))
SILENCE_SCORE: Points = ((1.0, 1.0), (2.0, 0.6), (5.0, 0.3))
"""Silence alone makes nothing critical: the work may be done."""
ERROR_RATE_MOST = 0.05
"""The share of errors from which on it is a condition; again the lower end of its interval."""
SLOWER_MOST = 2.0
RESOURCE_MOST = 0.95
LEAST_OPERATIONS = 5
"""Operations in each of the two times that are compared."""
LEAST_SLOWER_S = 0.001
"""What is slower by less than this is noise of the machine."""
LEAST_RECORDS = 10
"""Records that make an interval usual."""
SILENT_INTERVALS = 10
LEAST_SILENT_S = 60.0
LEAST_ACTIVE_S = 60.0
"""Records of a shorter time, such as those of a start, do not make one."""
_DELIBERATE = frozenset({"filtered", "sampled", "rate_limited", "unwanted"})


class Condition(NamedTuple):
    """Something somebody should know of.

    Attributes:
        kind: ``high_error_rate``, ``performance_degradation``, ``subsystem_silence`` or ``system_resources``.
        subject: the subsystem, the operation or the resource.
        value: the figure.
        threshold: what it is beyond.
        message: one sentence.
    """

    kind: str
    subject: str
    value: float
    threshold: float
    message: str


class Figures(NamedTuple):
    """What a subsystem did in the last five minutes.

    Attributes:
        error_ratio: share of its events that are errors; None without events.
        success_ratio: share of its operations that did not fail; None without operations.
        mean_s: seconds that an operation took.
    """

    error_ratio: float | None
    success_ratio: float | None
    mean_s: float | None


class ProcessReport(NamedTuple):
    """How well this process is.

    Attributes:
        overall: everything together.
        logger: whether records are lost.
        collector: whether they are delivered.
        subsystems: by name.
        figures: behind them.
        resources: shares of the machine that are in use.
        conditions: what somebody should know of.
    """

    overall: Health
    logger: Health
    collector: Health
    subsystems: Mapping[str, Health]
    figures: Mapping[str, Figures]
    resources: Mapping[str, float]
    conditions: tuple[Condition, ...]


class _Own(NamedTuple):
    """What became of records up to a time."""

    time_ns: int
    recorded: int
    lost: int
    errors: int
    exported: int


class ProcessHealth:
    """Judges.

    Args:
        telemetry: whose losses count.
        watch: what it recorded.
        resources: returns shares of the machine that are in use, by name.
        now_ns: the clock.
    """

    def __init__(
        self, telemetry: Telemetry, watch: Watch, resources: Callable[[], Mapping[str, float]], now_ns: Clock
    ) -> None:
        self._telemetry = telemetry
        self._watch = watch
        self._resources = resources
        self._now_ns = now_ns
        self._before: deque[_Own] = deque([self._own()])

    def report(self) -> ProcessReport:
        """Return how well everything is now, by what was delivered up to now."""
        now_ns = self._now_ns()
        logger, collector = self._recorder()
        conditions: list[Condition] = []
        subsystems: dict[str, Health] = {}
        figures: dict[str, Figures] = {}
        with self._watch.reading:
            slower = self._slower(now_ns, conditions)
            for name, track in sorted(self._watch.subsystems().items()):
                sums = _within(track, now_ns, WINDOW_S)
                parts = [*_shares(name, sums, conditions), *slower.get(name, ())]
                subsystems[name] = combined([*parts, *_silence(name, track, now_ns, conditions)])
                figures[name] = _figures(sums)
        resources = dict(self._resources())
        conditions += _scarce(resources)
        own = {"logger": logger, "collector": collector}
        overall = combined([HealthPart(name, one.score, 1.0) for name, one in (own | subsystems).items()])
        return ProcessReport(overall, logger, collector, subsystems, figures, resources, tuple(conditions))

    def _slower(self, now_ns: int, conditions: list[Condition]) -> dict[str, list[HealthPart]]:
        """Return the worst slowdown of each subsystem."""
        worst: dict[str, tuple[float, str]] = {}
        for (subsystem, component, name), track in self._watch.operations().items():
            ratio = _slower_ratio(track, now_ns)
            if ratio is None:
                continue
            called = ".".join(filter(None, (subsystem, component, name)))
            worst[subsystem] = max(worst.get(subsystem, (0.0, "")), (ratio, called))
            if ratio > SLOWER_MOST:
                message = f"{called} takes {ratio:.1f} times as long as before"
                conditions.append(Condition("performance_degradation", called, ratio, SLOWER_MOST, message))
        return {
            subsystem: [HealthPart("duration", score_at(SLOWER_SCORE, ratio), 1.0, ratio, "ratio", called)]
            for subsystem, (ratio, called) in worst.items()
        }

    def _recorder(self) -> tuple[Health, Health]:
        now = self._own()
        while len(self._before) > 1 and now.time_ns - self._before[1].time_ns >= WINDOW_S * NS_PER_S:
            self._before.popleft()
        then = self._before[0]
        if now.time_ns - self._before[-1].time_ns >= SLOT_S * NS_PER_S:
            self._before.append(now)
        lost, recorded = now.lost - then.lost, now.recorded - then.recorded
        score = score_at(SHARE_SCORE, lower_bound(lost, max(recorded, lost, 1)))
        logger = combined([HealthPart("lost records", score, 1.0, float(lost), "records")])
        failing = now.errors > then.errors
        score = 1.0 if not failing else 0.6 if now.exported > then.exported else 0.2
        return logger, combined([HealthPart("deliveries", score, 1.0, float(now.errors - then.errors), "failures")])

    def _own(self) -> _Own:
        counts = self._telemetry.counts()
        lost = sum(rows.events + rows.spans for reason, rows in counts.dropped.items() if reason not in _DELIBERATE)
        recorded = counts.recorded.events + counts.recorded.spans
        return _Own(self._now_ns(), recorded, lost, counts.export_errors, sum(counts.exported))


def _within(track: Track, now_ns: int, seconds: float) -> Sums:
    return track.sums(now_ns - int(seconds * NS_PER_S), now_ns)


def _shares(name: str, sums: Sums, conditions: list[Condition]) -> list[HealthPart]:
    parts = []
    for what, bad, all_of_them in (
        ("error events", sums.errors, sums.events),
        ("failed operations", sums.failed, sums.operations),
    ):
        if not all_of_them:
            continue
        least = lower_bound(bad, all_of_them)
        evidence = f"{bad} of {all_of_them} {what.split()[1]} of the last {WINDOW_S} s"
        parts.append(HealthPart(what, score_at(SHARE_SCORE, least), 1.0, bad / all_of_them, "ratio", evidence))
        if least > ERROR_RATE_MOST:
            message = f"{name}: {what}: {evidence}"
            conditions.append(Condition("high_error_rate", name, bad / all_of_them, ERROR_RATE_MOST, message))
    return parts


def _slower_ratio(track: Track, now_ns: int) -> float | None:
    recent_from_ns = now_ns - RECENT_S * NS_PER_S
    recent = track.sums(recent_from_ns, now_ns)
    earlier = track.sums(now_ns - WINDOW_S * NS_PER_S, recent_from_ns)
    if min(recent.operations, earlier.operations) < LEAST_OPERATIONS:
        return None
    now_s, then_s = recent.seconds / recent.operations, earlier.seconds / earlier.operations
    if now_s - then_s < LEAST_SLOWER_S:
        return 1.0
    return now_s / then_s if then_s > 0 else SLOWER_SCORE[-1][0]


def _silence_ratio(track: Track, now_ns: int) -> float | None:
    """Return how long nothing came, over how long that may be; None while it is not known what is usual."""
    active_s = (track.last_ns - track.first_ns) / NS_PER_S
    if track.records < LEAST_RECORDS or active_s < LEAST_ACTIVE_S:
        return None
    usual_s = active_s / (track.records - 1)
    return (now_ns - track.last_ns) / NS_PER_S / max(LEAST_SILENT_S, SILENT_INTERVALS * usual_s)


def _silence(name: str, track: Track, now_ns: int, conditions: list[Condition]) -> list[HealthPart]:
    ratio = _silence_ratio(track, now_ns)
    if ratio is None or ratio <= 1.0:
        return []
    silent_s = (now_ns - track.last_ns) / NS_PER_S
    message = f"nothing was recorded of {name} for {silent_s:.0f} s"
    conditions.append(Condition("subsystem_silence", name, silent_s, silent_s / ratio, message))
    return [HealthPart("silence", score_at(SILENCE_SCORE, ratio), 1.0, silent_s, "seconds", message)]


def _figures(sums: Sums) -> Figures:
    return Figures(
        sums.errors / sums.events if sums.events else None,
        1.0 - sums.failed / sums.operations if sums.operations else None,
        sums.mean_s,
    )


def _scarce(resources: Mapping[str, float]) -> list[Condition]:
    return [
        Condition("system_resources", name, ratio, RESOURCE_MOST, f"{ratio:.0%} of the machine's {name} are in use")
        for name, ratio in resources.items()
        if ratio > RESOURCE_MOST
    ]
