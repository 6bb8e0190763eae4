"""Answers of an engine of PromQL as frames."""

from typing import TYPE_CHECKING

from firstlight.app.asked_times import Asked, At

if TYPE_CHECKING:
    from firstlight.query.promql.engine import Engine
    from firstlight.query.promql.frame import Frame


def framed(engine: "Engine", expr: str, when: Asked) -> "Frame":
    """Evaluate ``expr`` at the moments ``when``.

    Raises:
        QueryError: it is no PromQL, cannot be evaluated, or costs too much.
    """
    from firstlight.query.promql.frame import frame_of

    if isinstance(when, At):
        return frame_of(engine.instant(expr, when.time_ns), expr, (when.time_ns, when.time_ns))
    answer = engine.range(expr, when.start_ns, when.end_ns, when.step_ns)
    return frame_of(answer, expr, (when.start_ns, when.end_ns))
