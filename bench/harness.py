"""The one way to measure: contenders take turns in the same process and run, and what counts is their ratio.

A benchmark module has ``benchmark() -> Benchmark``.  In each round every contender of a group runs once, in an order
that rotates, so that whatever else the machine does falls on all of them.  A ratio is taken within each round; shown
are the median and the middle half of all rounds.  What several groups use, such as a store that one fills and the
others ask, is a ``Shared``.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Generic, TypeVar

from bench.machine import facts, on_cores
from bench.table import figure, table

RESULTS = Path(__file__).parent / "results"
DEFAULT_ROUNDS = 21

Figures = Mapping[str, float]
"""What one turn measured, by name."""


class Missing(Exception):
    """Something a benchmark needs is not there; the message says what and how to get it."""


Made = TypeVar("Made")


class Shared(Generic[Made]):
    """Something that several groups use: made when the first asks for it, closed after the last.

    Args:
        make: makes it; when it raises ``Missing``, everybody who asks is told so.
        close: ends it.
    """

    def __init__(self, make: Callable[[], Made], close: Callable[[Made], object]) -> None:
        self._make, self._close = make, close
        self._made: list[Made] = []
        self._missing: Missing | None = None

    def get(self) -> Made:
        """Return it."""
        if self._missing is not None:
            raise self._missing
        if not self._made:
            try:
                self._made.append(self._make())
            except Missing as missing:
                self._missing = missing
                raise
        return self._made[0]

    def close(self) -> None:
        """End it, when it was made."""
        while self._made:
            self._close(self._made.pop())


@dataclass(frozen=True)
class Running:
    """A contender that is set up.

    Attributes:
        turn: measures once.
        close: ends it; raises ``AssertionError`` when it did not do what was measured.
    """

    turn: Callable[[], Figures]
    close: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Contender:
    """One way to do the work; ``start`` raises ``Missing`` or ``ImportError`` when it cannot run here."""

    name: str
    start: Callable[[], Running]


@dataclass(frozen=True)
class Bar:
    """``figure`` of ``ours`` must be ``at_least`` times better than that of ``peer``."""

    figure: str
    ours: str
    peer: str
    at_least: float


@dataclass(frozen=True)
class Budget:
    """``figure`` of ``ours`` may be ``at_most`` so much, where no peer says what is good; less is better.

    Attributes:
        in_each_round: the worst round counts, not the one in the middle.
    """

    figure: str
    ours: str
    at_most: float
    in_each_round: bool = False


@dataclass(frozen=True)
class Group:
    """Contenders that do the same work.

    Attributes:
        bigger_is_better: names of the figures where more is better; for the others less is.
        budgets: what our figures may be at most.
        once: for what cannot be repeated: a single turn, which counts.
    """

    name: str
    contenders: Sequence[Contender]
    bars: Sequence[Bar] = ()
    bigger_is_better: frozenset[str] = frozenset()
    budgets: Sequence[Budget] = ()
    once: bool = False


@dataclass(frozen=True)
class Benchmark:
    """A page of results.

    Attributes:
        cores: so many processor cores everything runs on, all when None.
        shared: what its groups share.
    """

    name: str
    notes: str
    groups: Sequence[Group]
    packages: tuple[str, ...] = ()
    rounds: int = DEFAULT_ROUNDS
    cores: int | None = None
    shared: Sequence[Shared[Any]] = ()


@dataclass
class Outcome:
    """What a group's rounds gave."""

    turns: dict[str, list[Figures]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


def run(benchmark: Benchmark, rounds: int | None = None) -> bool:
    """Run ``benchmark``, print it, write ``results/<name>.json``; return whether no bar was missed."""
    with ExitStack() as closing:
        closing.enter_context(on_cores(benchmark.cores))
        for shared in benchmark.shared:
            closing.callback(shared.close)
        return _run(benchmark, rounds or benchmark.rounds)


def _run(benchmark: Benchmark, rounds: int) -> bool:
    machine = facts(benchmark.packages)
    versions = ", ".join(f"{name} {found or '(missing)'}" for name, found in machine["versions"].items())
    where = f"{machine['python']}, {machine['cpu']}, {machine['cores']} cores"
    print(f"\n{benchmark.name}: {where}\n{versions}\n{benchmark.notes}", flush=True)
    reports = [_report(group, _measure(group, rounds)) for group in benchmark.groups]
    RESULTS.mkdir(exist_ok=True)
    held = all(bar["holds"] is not False for report in reports for bar in [*report["bars"], *report["budgets"]])
    result = {"benchmark": benchmark.name, "machine": machine, "holds": held, "groups": reports}
    (RESULTS / f"{benchmark.name}.json").write_text(json.dumps(result, indent=2) + "\n")
    sys.stdout.flush()
    return held


def _measure(group: Group, rounds: int) -> Outcome:
    outcome = Outcome()
    running: dict[str, Running] = {}
    with ExitStack() as closing:
        for contender in group.contenders:
            try:
                one = contender.start()
                closing.callback(one.close)
                if not group.once:
                    one.turn()
                running[contender.name] = one
            except (ImportError, Missing) as missing:
                outcome.missing[contender.name] = str(missing)
        for number in range(1 if group.once else rounds):
            names = list(running)
            shift = number % max(1, len(names))
            for name in names[shift:] + names[:shift]:
                outcome.turns.setdefault(name, []).append(running[name].turn())
    return outcome


def _report(group: Group, outcome: Outcome) -> dict[str, Any]:
    names = list(dict.fromkeys(name for turns in outcome.turns.values() for turn in turns for name in turn))
    rows = [[name, *(_middle(turns, of) for of in names)] for name, turns in outcome.turns.items()]
    print(f"\n{table([group.name, *names], rows)}")
    for name, why in outcome.missing.items():
        print(f"{name}: not measured, {why}")
    bars = [_held(bar, group, outcome) for bar in group.bars]
    budgets = [_kept(budget, outcome) for budget in group.budgets]
    for verdict in [*map(_verdict, bars), *map(_budget_verdict, budgets)]:
        print(verdict, flush=True)
    turns = {name: [dict(turn) for turn in turns] for name, turns in outcome.turns.items()}
    return {"group": group.name, "bars": bars, "budgets": budgets, "missing": outcome.missing, "rounds": turns}


def _middle(turns: Sequence[Figures], of: str) -> str:
    values = [turn[of] for turn in turns if of in turn]
    return figure(median(values)) if values else "-"


def _held(bar: Bar, group: Group, outcome: Outcome) -> dict[str, Any]:
    ours, peers = outcome.turns.get(bar.ours, []), outcome.turns.get(bar.peer, [])
    ratios = [
        _ratio(mine[bar.figure], theirs[bar.figure], bar.figure in group.bigger_is_better)
        for mine, theirs in zip(ours, peers, strict=False)
    ]
    found: dict[str, Any] = {"figure": bar.figure, "ours": bar.ours, "peer": bar.peer, "at_least": bar.at_least}
    if not ratios:
        return {**found, "holds": None}
    low, _, high = quantiles(ratios if len(ratios) > 1 else ratios * 2, n=4)
    return {**found, "ratio": median(ratios), "from": low, "to": high, "holds": median(ratios) >= bar.at_least}


def _ratio(ours: float, peer: float, bigger_is_better: bool) -> float:
    return ours / peer if bigger_is_better else peer / ours


def _verdict(bar: dict[str, Any]) -> str:
    if bar["holds"] is None:
        return f"  ?  {bar['ours']} against {bar['peer']}: no peer to measure against"
    ratio = f"{figure(bar['ratio'])}x ({figure(bar['from'])} to {figure(bar['to'])})"
    verdict = "holds" if bar["holds"] else "MISSED"
    return (
        f"  {bar['ours']} is {ratio} better than {bar['peer']} in {bar['figure']}; bar {bar['at_least']:g}x {verdict}"
    )


def _kept(budget: Budget, outcome: Outcome) -> dict[str, Any]:
    values = [turn[budget.figure] for turn in outcome.turns.get(budget.ours, []) if budget.figure in turn]
    found: dict[str, Any] = {"figure": budget.figure, "ours": budget.ours, "at_most": budget.at_most}
    if not values:
        return {**found, "holds": None}
    value = max(values) if budget.in_each_round else median(values)
    return {**found, "value": value, "holds": value <= budget.at_most}


def _budget_verdict(budget: dict[str, Any]) -> str:
    if budget["holds"] is None:
        return f"  ?  {budget['ours']}: {budget['figure']} not measured"
    verdict = "holds" if budget["holds"] else "MISSED"
    return f"  {budget['ours']}: {figure(budget['value'])} {budget['figure']}; at most {budget['at_most']:g} {verdict}"
