"""What a PromQL text says, as a tree."""

from dataclasses import dataclass, field
from typing import Literal

from firstlight.model import Matcher

Kind = Literal["scalar", "vector", "matrix", "string"]
"""What an expression evaluates to; ``vector`` is an instant vector, ``matrix`` a range vector."""

KIND_NAMES: dict[Kind, str] = {
    "scalar": "scalar",
    "vector": "instant vector",
    "matrix": "range vector",
    "string": "string",
}

COMPARISONS = frozenset({"==", "!=", ">", "<", ">=", "<="})
SET_OPERATORS = frozenset({"and", "or", "unless"})

At = int | Literal["start", "end"] | None
"""A fixed time in ns, an end of the query's range, or none."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the text an expression stands: from ``start`` up to before ``end``."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Number:
    """A literal number."""

    value: float
    place: Place
    is_duration: bool = False


@dataclass(frozen=True, slots=True)
class String:
    """A literal text."""

    value: str
    place: Place


@dataclass(frozen=True, slots=True)
class VectorSelector:
    """Series by their labels.

    Attributes:
        name: the metric's name as written before the braces; also among the matchers, as the last one.
        matchers: on labels, ``__name__`` included.
        place: where.
        offset_ns: how much before the time of evaluation.
        at: the time instead of that of evaluation.
    """

    name: str
    matchers: tuple[Matcher, ...]
    place: Place
    offset_ns: int = 0
    at: At = None


@dataclass(frozen=True, slots=True)
class MatrixSelector:
    """The samples of a stretch of time before each moment."""

    vector: VectorSelector
    range_ns: int
    place: Place


@dataclass(frozen=True, slots=True)
class Subquery:
    """An expression evaluated again and again over a stretch of time; ``step_ns`` 0 is the engine's default."""

    expr: "Expr"
    range_ns: int
    step_ns: int
    place: Place
    offset_ns: int = 0
    at: At = None


@dataclass(frozen=True, slots=True)
class Paren:
    """An expression in parentheses."""

    expr: "Expr"
    place: Place


@dataclass(frozen=True, slots=True)
class Unary:
    """A sign before an expression."""

    op: str
    expr: "Expr"
    place: Place


@dataclass(frozen=True, slots=True)
class Matching:
    """Which elements of two vectors belong together.

    Attributes:
        card: how many on each side; ``many-to-many`` for set operators.
        labels: of ``on`` or ``ignoring``.
        is_on: whether only these labels count, or all but these.
        include: labels that ``group_left`` or ``group_right`` takes from the "one" side.
    """

    card: Literal["one-to-one", "many-to-one", "one-to-many", "many-to-many"] = "one-to-one"
    labels: tuple[str, ...] = ()
    is_on: bool = False
    include: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Binary:
    """An operator between two expressions.

    Attributes:
        op: the operator.
        left: one side.
        right: the other.
        place: where the whole stands.
        op_start: where the operator stands.
        is_bool: whether a comparison gives 1 and 0.
        matching: None unless both sides are vectors.
    """

    op: str
    left: "Expr"
    right: "Expr"
    place: Place
    op_start: int = 0
    is_bool: bool = False
    matching: Matching | None = None


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Elements of a vector drawn together."""

    op: str
    expr: "Expr"
    place: Place
    param: "Expr | None" = None
    grouping: tuple[str, ...] = ()
    is_without: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A function of expressions."""

    name: str
    args: tuple["Expr", ...]
    place: Place
    kind: Kind = field(default="vector")


Expr = Number | String | VectorSelector | MatrixSelector | Subquery | Paren | Unary | Binary | Aggregate | Call


def kind_of(expr: Expr) -> Kind:
    """Return what ``expr`` evaluates to."""
    match expr:
        case Number():
            return "scalar"
        case String():
            return "string"
        case MatrixSelector() | Subquery():
            return "matrix"
        case Paren() | Unary():
            return kind_of(expr.expr)
        case Call():
            return expr.kind
        case Binary():
            return "scalar" if kind_of(expr.left) == kind_of(expr.right) == "scalar" else "vector"
        case _:
            return "vector"


def children(expr: Expr) -> tuple[Expr, ...]:
    """Return the expressions within ``expr``."""
    match expr:
        case Paren() | Unary() | Subquery():
            return (expr.expr,)
        case MatrixSelector():
            return (expr.vector,)
        case Binary():
            return (expr.left, expr.right)
        case Aggregate():
            return (expr.expr,) if expr.param is None else (expr.param, expr.expr)
        case Call():
            return expr.args
        case _:
            return ()


def bare(expr: Expr) -> Expr:
    """Return ``expr`` without parentheses around it."""
    while isinstance(expr, Paren):
        expr = expr.expr
    return expr


def line_and_column(text: str, at: int) -> tuple[int, int]:
    """Return line and column, both from 1 on, of position ``at``."""
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
