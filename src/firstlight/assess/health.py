"""The health of everything.

How parts become a score:

1. A weighted mean of the parts that are known.
2. No part hides: a score is at most ``SLACK`` above its worst part with a weight.  The bands are as wide as that, so
   a thing is at most one band better than the worst in it.
3. A vital part (a full disk) has no slack: its subsystem is never better than it.

The subsystems make the overall score by rules 1 and 2.  What is unknown neither helps nor hurts.
"""

from collections.abc import Iterable, Iterator, Sequence

from firstlight.assess.indicators import judge
from firstlight.assess.packs import Pack, SubsystemRule
from firstlight.assess.shares import Share, event_shares, span_shares
from firstlight.errors import FirstlightError
from firstlight.model import Health, HealthPart, HealthReport, combine, state_of
from firstlight.ports import SignalReader

SLACK = 0.3
RULE = "weighted mean, at most 0.3 above the worst part and never above a vital one"


def assess(packs: Sequence[Pack], reader: SignalReader, now_ns: int) -> HealthReport:
    """Return how well everything was at ``now_ns``, by what ``reader`` held of the time before.

    What cannot be read is unknown and says why, in the part's evidence or in ``meta["problems"]``.

    Args:
        packs: what is judged and how; see :func:`~firstlight.assess.packs.load_packs`.
        reader: where the figures come from.
        now_ns: the end of every window.
    """
    parts: dict[str, list[HealthPart]] = {}
    problems: list[str] = []
    vital: dict[str, list[HealthPart]] = {}
    for pack in packs:
        for indicator in pack.indicators:
            part = judge(indicator, reader, now_ns)
            parts.setdefault(indicator.subsystem, []).append(part)
            if indicator.vital:
                vital.setdefault(indicator.subsystem, []).append(part)
        for subsystem, part in _shares(pack, reader, now_ns, problems):
            parts.setdefault(subsystem, []).append(part)
    subsystems = {name: combined(parts[name], vital.get(name, ())) for name in sorted(parts)}
    rules = {name: rule for pack in packs for name, rule in pack.subsystems.items()}
    overall = combined([_as_part(name, health, rules) for name, health in subsystems.items()])
    meta = {"packs": [pack.name for pack in packs], "rule": RULE, "problems": problems}
    return HealthReport(now_ns, overall, subsystems, meta)


def combined(parts: Sequence[HealthPart], vital: Iterable[HealthPart] = ()) -> Health:
    """Return the health of ``parts`` by the rules of this module; ``vital`` are those of them without slack."""
    mean = combine(parts)
    if mean.score is None:
        return mean
    limits = [part.score + SLACK for part in parts if part.score is not None and part.weight > 0]
    limits += [part.score for part in vital if part.score is not None and part.weight > 0]
    score = min(mean.score, *limits)
    return Health(score, state_of(score), mean.parts)


def _shares(pack: Pack, reader: SignalReader, now_ns: int, problems: list[str]) -> Iterator[Share]:
    for rule, shares in ((pack.events, event_shares), (pack.spans, span_shares)):
        try:
            if rule is not None:
                yield from shares(rule, reader, now_ns)
        except FirstlightError as error:
            problems.append(f"error shares of pack {pack.name} could not be read: {error}")


def _as_part(name: str, health: Health, rules: dict[str, SubsystemRule]) -> HealthPart:
    weight = rules.get(name, SubsystemRule()).weight
    known = [part for part in health.parts if part.score is not None and part.weight > 0]
    if health.score is None or not known:
        return HealthPart(name, None, weight, evidence=f"nothing is known of {name}: {_first_evidence(health)}")
    worst = min(known, key=lambda part: part.score if part.score is not None else 1.0)
    evidence = f"{name} is {health.state}; its weakest part is {worst.name} at {worst.score:.2f}: {worst.evidence}"
    return HealthPart(name, health.score, weight, health.score, "score", evidence, worst.source)


def _first_evidence(health: Health) -> str:
    return health.parts[0].evidence if health.parts else "it has no parts"
