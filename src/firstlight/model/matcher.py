"""How series are chosen by their labels."""

from dataclasses import dataclass
from typing import Literal, get_args

from firstlight.errors import QueryError

MatchOp = Literal["=", "!=", "=~", "!~"]
_OPS = frozenset(get_args(MatchOp))


@dataclass(frozen=True, slots=True)
class Matcher:
    """A condition on one label, as Prometheus has it (https://prometheus.io/docs/prometheus/latest/querying/basics/).

    A label that a series does not have equals the empty string.  ``__name__`` is the metric's name; ``service``,
    ``session_id``, ``scope`` and ``field`` are the parts of the identity of those names for a series that has no label
    of the name.

    Attributes:
        label: its name.
        op: ``=``, ``!=``, ``=~`` or ``!~``.
        value: a text, or for the last two an RE2 expression that must match the whole value.

    Raises:
        QueryError: there is no such operator.
    """

    label: str
    op: MatchOp
    value: str

    def __post_init__(self) -> None:
        if self.op not in _OPS:
            raise QueryError(f"cannot match with {self.op!r}; the operators are {', '.join(sorted(_OPS))}")


def named(name: str, **labels: str) -> list[Matcher]:
    """Return matchers for the series of metric ``name`` with exactly these values of ``labels``."""
    return [Matcher("__name__", "=", name), *(Matcher(label, "=", value) for label, value in labels.items())]
