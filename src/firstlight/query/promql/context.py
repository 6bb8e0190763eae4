"""What all parts of one query's evaluation share."""

from collections.abc import Callable
from dataclasses import dataclass

from firstlight.query.promql.annotations import Annotations
from firstlight.query.promql.language.syntax import At, Expr
from firstlight.query.promql.limits import Limits
from firstlight.query.promql.sources.source import Source
from firstlight.query.promql.values import Scalar, Steps, Text, Value, Vector


@dataclass(frozen=True, slots=True)
class Context:
    """One query on its way.

    Attributes:
        source: where the samples are.
        limits: what it may cost.
        notes: warnings and infos.
        start_ns: of the whole query, what ``@ start()`` means.
        end_ns: what ``@ end()`` means.
        lookback_ns: how old the newest sample of a series may be.
        subquery_step_ns: of subqueries that name none.
        evaluator: evaluates any expression.
    """

    source: Source
    limits: Limits
    notes: Annotations
    start_ns: int
    end_ns: int
    lookback_ns: int
    subquery_step_ns: int
    evaluator: Callable[["Context", Expr, Steps], Value]

    def of(self, expr: Expr, steps: Steps) -> Value:
        """Evaluate any expression."""
        return self.evaluator(self, expr, steps)

    def vector(self, expr: Expr, steps: Steps) -> Vector:
        """Evaluate an expression that is known to be an instant vector."""
        found = self.of(expr, steps)
        assert isinstance(found, Vector)
        return found

    def scalar(self, expr: Expr, steps: Steps) -> Scalar:
        """Evaluate an expression that is known to be a scalar."""
        found = self.of(expr, steps)
        assert isinstance(found, Scalar)
        return found

    def text(self, expr: Expr, steps: Steps) -> str:
        """Evaluate an expression that is known to be a text."""
        found = self.of(expr, steps)
        assert isinstance(found, Text)
        return found.value

    def moved(self, steps: Steps, at: At, offset_ns: int) -> Steps:
        """Return the moments that a selector with these modifiers means."""
        if at is None:
            return Steps(steps.start_ns - offset_ns, steps.step_ns, steps.count)
        fixed = self.start_ns if at == "start" else self.end_ns if at == "end" else at
        return Steps(fixed - offset_ns, 0, steps.count)
