"""The PromQL engine: a text, a moment or a range of time, and an answer."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from firstlight.errors import QueryFailed
from firstlight.query.promql.annotations import Annotations
from firstlight.query.promql.answer import Answer, Points, points_in, points_of
from firstlight.query.promql.context import Context
from firstlight.query.promql.evaluation import evaluate
from firstlight.query.promql.label_sets import merged, named_apart, without_name
from firstlight.query.promql.language.durations import NS_PER_S
from firstlight.query.promql.language.parser import TOO_DEEP, parse
from firstlight.query.promql.language.syntax import KIND_NAMES, Expr, kind_of
from firstlight.query.promql.limits import MAX_SAMPLES, Limits
from firstlight.query.promql.selecting import ranges_of
from firstlight.query.promql.sources.source import Source
from firstlight.query.promql.values import Scalar, Steps, Text, Value, Vector
from firstlight.query.promql.windows.ranges import Ranges


@dataclass(frozen=True, slots=True)
class Options:
    """How an engine evaluates.

    Attributes:
        max_samples: samples that one query may touch.
        timeout_s: seconds that it may take; None for any number.
        lookback_ns: how old the newest sample of a series may be.
        subquery_step_ns: of subqueries that name none.
    """

    max_samples: int = MAX_SAMPLES
    timeout_s: float | None = 120.0
    lookback_ns: int = 300 * NS_PER_S
    subquery_step_ns: int = 60 * NS_PER_S

    def limits(self, is_canceled: Callable[[], bool] | None = None) -> Limits:
        """Return the limits of one query that begins now."""
        deadline_s = None if self.timeout_s is None else time.monotonic() + self.timeout_s
        found = Limits(self.max_samples, deadline_s)
        if is_canceled is not None:
            found.is_canceled = is_canceled
        return found


@dataclass(frozen=True, slots=True)
class Engine:
    """Evaluates PromQL over a source.

    Attributes:
        source: where the samples are.
        options: how it evaluates.
    """

    source: Source
    options: Options = field(default_factory=Options)

    def instant(self, text: str, time_ns: int, limits: Limits | None = None) -> Answer:
        """Evaluate ``text`` at one moment.

        Args:
            text: the query.
            time_ns: the moment.
            limits: what it may cost; those of the options if None.

        Raises:
            QuerySyntaxError: it is no query.
            QueryFailed: it cannot be evaluated, or touches too many samples.
            QueryTimedOut: it took too long.
            QueryCanceled: nobody waits any more.
        """
        expr, steps = parse(text), Steps(time_ns, 0, 1)
        context = self._context(text, steps, limits)
        with _not_too_deep():
            if kind_of(expr) == "matrix":
                ranges = _nameless_ranges(ranges_of(context, expr, steps))
                return _answer(context, "matrix", points_in(ranges), time_ns)
            found = context.of(expr, steps)
        if isinstance(found, Text):
            nothing = np.empty(0, np.int64)
            return _answer(context, "string", ([], nothing, nothing, np.empty(0), None), time_ns, found.value)
        return _answer(context, *_shaped(found, steps, "vector"), time_ns)

    def range(self, text: str, start_ns: int, end_ns: int, step_ns: int, limits: Limits | None = None) -> Answer:
        """Evaluate ``text`` at ``start_ns`` and every ``step_ns`` after it up to ``end_ns``.

        Raises:
            QueryError: see :meth:`instant`; also a range of time that has no moment.
        """
        if step_ns <= 0:
            raise QueryFailed("zero or negative query resolution step widths are not accepted")
        if end_ns < start_ns:
            raise QueryFailed("end timestamp must not be before start time")
        expr = parse(text)
        _check_kind(expr)
        steps = Steps(start_ns, step_ns, (end_ns - start_ns) // step_ns + 1)
        context = self._context(text, steps, limits, end_ns)
        context.limits.room(steps.count)
        with _not_too_deep():
            found = context.of(expr, steps)
        _, points = _shaped(found, steps, "matrix")
        return _answer(context, "matrix", points, 0)

    def _context(self, text: str, steps: Steps, limits: Limits | None, end_ns: int | None = None) -> Context:
        options = self.options
        return Context(
            self.source,
            limits or options.limits(),
            Annotations(text),
            steps.start_ns,
            steps.end_ns if end_ns is None else end_ns,
            options.lookback_ns,
            options.subquery_step_ns,
            evaluate,
        )


@contextmanager
def _not_too_deep() -> Iterator[None]:
    """Turn what Python says of a tree that is too high into what is wrong with the query."""
    try:
        yield
    except RecursionError:
        raise QueryFailed(TOO_DEEP) from None


def _check_kind(expr: Expr) -> None:
    if kind_of(expr) not in {"scalar", "vector"}:
        kind = KIND_NAMES[kind_of(expr)]
        raise QueryFailed(f'invalid expression type "{kind}" for range query, must be Scalar or instant Vector')


def _shaped(found: Value, steps: Steps, kind: Any) -> tuple[Any, Points]:
    if isinstance(found, Vector):
        return kind, points_of(named_apart(found), steps, in_order=kind == "matrix")
    assert isinstance(found, Scalar)
    points: Points = ([()], np.array([steps.count]), steps.times_ns(), found.values, None)
    return ("scalar" if kind == "vector" else kind), points


def _nameless_ranges(ranges: Ranges) -> Ranges:
    if not ranges.nameless.any():
        return ranges
    labels = [
        without_name(one) if drop else one for one, drop in zip(ranges.labels, ranges.nameless.tolist(), strict=True)
    ]
    count = len(labels)
    cells = np.zeros((count, 1))
    merged(Vector(labels, cells, np.ones((count, 1), bool), np.zeros(count, bool)))
    return Ranges(labels, ranges.floats, ranges.mixed, ranges.steps, ranges.range_ns, np.zeros(count, bool))


def _answer(context: Context, kind: Any, points: Points, time_ns: int, text: str = "") -> Answer:
    notes = context.notes
    return Answer(kind, *points, text=text, time_ns=time_ns, warnings=tuple(notes.warnings), infos=tuple(notes.infos))
