"""PromQL text -> tree, by precedence (V. R. Pratt, "Top Down Operator Precedence", 1973).

The grammar is that of Prometheus 3.5 (https://prometheus.io/docs/prometheus/3.5/querying/basics/), with arithmetic in
durations and names in quotes.
"""

from functools import lru_cache

from firstlight.errors import QuerySyntaxError
from firstlight.query.promql.language.checks import checked
from firstlight.query.promql.language.lexer import Token, syntax_error
from firstlight.query.promql.language.modifiers import with_at, with_offset
from firstlight.query.promql.language.selectors import SelectorParser, name_matcher
from firstlight.query.promql.language.signatures import AGGREGATIONS, SIGNATURES
from firstlight.query.promql.language.syntax import (
    COMPARISONS,
    SET_OPERATORS,
    Aggregate,
    Binary,
    Call,
    Expr,
    Matching,
    MatrixSelector,
    Number,
    Paren,
    Place,
    String,
    Subquery,
    Unary,
    VectorSelector,
)

_PRECEDENCE = {
    "or": 1,
    "and": 2, "unless": 2,
    **dict.fromkeys(COMPARISONS, 3),
    "+": 4, "-": 4,
    "*": 5, "/": 5, "%": 5, "atan2": 5,
    "^": 6,
}  # fmt: skip
_SIGN = 5
_MOST_DEEP = 200
TOO_DEEP = "the expression is nested too deeply"
_REMEMBERED_CHARS = 4096


def parse(text: str) -> Expr:
    """Return the tree of ``text``, with its types checked.

    Raises:
        QuerySyntaxError: it is no query; says where.
    """
    return _remembered(text) if len(text) <= _REMEMBERED_CHARS else _parsed(text)


def _parsed(text: str) -> Expr:
    if not text.strip():
        raise QuerySyntaxError("no expression found in input")
    parser = _Parser(text)
    try:
        found = parser.expression()
        if parser.now.kind != "end of input":
            raise parser.unexpected()
        return checked(found, text)
    except RecursionError:
        raise QuerySyntaxError(TOO_DEEP) from None


_remembered = lru_cache(maxsize=1024)(_parsed)


class _Parser(SelectorParser):
    depth = 0

    def expression(self, least: int = 1) -> Expr:
        """Parse operators of at least the given precedence."""
        self.depth += 1
        if self.depth > _MOST_DEEP:
            raise syntax_error(self.text, self.now.start, TOO_DEEP)
        left = self._prefixed()
        while (power := _PRECEDENCE.get(self.now.kind, 0)) >= least:
            op = self.take()
            is_bool, matching = self._matching(op)
            right = self.expression(power + (op.kind != "^"))
            place = Place(left.place.start, right.place.end)
            left = Binary(op.kind, left, right, place, op.start, is_bool, matching)
        self.depth -= 1
        return left

    def _prefixed(self) -> Expr:
        if self.now.kind not in {"+", "-"}:
            return self._suffixed(self._primary())
        sign = self.take()
        inner = self.expression(_SIGN + 1)
        place = Place(sign.start, inner.place.end)
        if isinstance(inner, Number):
            return Number(-inner.value if sign.kind == "-" else inner.value, place, inner.is_duration)
        return Unary(sign.kind, inner, place)

    def _suffixed(self, left: Expr) -> Expr:
        while self.now.kind in {"[", "offset", "@"}:
            suffix = self.take()
            if suffix.kind == "[":
                left = self._ranged(left)
            elif suffix.kind == "offset":
                left = with_offset(left, self.offset_ns(), self.text, self.last.end)
            else:
                left = with_at(left, self.at(), self.text, self.last.end)
        return left

    def _ranged(self, left: Expr) -> Expr:
        bracket, start = self.last.start, self.now.start
        range_ns = self.positive_ns(start)
        if self.now.kind == ":":
            self.take()
            step_ns = 0 if self.now.kind == "]" else self.positive_ns(self.now.start)
            end = self.expect("]").end
            return Subquery(left, range_ns, step_ns, Place(left.place.start, end))
        end = self.expect("]").end
        if not isinstance(left, VectorSelector):
            raise syntax_error(self.text, bracket, "ranges only allowed for vector selectors")
        if left.offset_ns:
            raise syntax_error(self.text, bracket, "no offset modifiers allowed before range")
        if left.at is not None:
            raise syntax_error(self.text, bracket, "no @ modifiers allowed before range")
        return MatrixSelector(left, range_ns, Place(left.place.start, end))

    def _primary(self) -> Expr:
        token = self.now
        if token.kind in {"number", "duration"}:
            return self.number()
        if token.kind == "string":
            self.take()
            return String(self.text_of(token), Place(token.start, token.end))
        if token.kind == "(":
            return self._parenthesized()
        if token.kind == "{":
            return self.selector("", token.start)
        if token.kind in AGGREGATIONS and self.next.kind in {"(", "by", "without"}:
            return self._aggregate()
        if token.kind == "word" and self.next.kind == "(":
            return self._call()
        if self.is_name(token):
            self.take()
            return self.selector(token.text, token.start)
        raise self.unexpected()

    def _parenthesized(self) -> Expr:
        start = self.take().start
        inner = self.expression()
        return Paren(inner, Place(start, self.expect(")").end))

    def _arguments(self) -> tuple[Expr, ...]:
        self.expect("(")
        found: list[Expr] = []
        while self.now.kind != ")":
            found.append(self.expression())
            if self.now.kind != ")":
                self.expect(",")
                if self.now.kind == ")":
                    raise syntax_error(self.text, self.last.start, "trailing commas not allowed in function call args")
        self.expect(")")
        return tuple(found)

    def _call(self) -> Call:
        name = self.take()
        args = self._arguments()
        signature = SIGNATURES.get(name.text)
        if signature is None:
            raise syntax_error(self.text, name.start, f'unknown function with name "{name.text}"')
        return Call(name.text, args, Place(name.start, self.last.end), signature.returns)

    def _aggregate(self) -> Aggregate:
        op = self.take()
        modifier = self._grouping()
        args = self._arguments()
        modifier = modifier or self._grouping() or (False, ())
        if not args:
            raise syntax_error(self.text, op.start, "no arguments for aggregate expression provided")
        place = Place(op.start, self.last.end)
        return Aggregate(op.kind, args[-1], place, *self._parameter(op.kind, args, op.start), modifier[1], modifier[0])

    def _parameter(self, op: str, args: tuple[Expr, ...], start: int) -> tuple[Expr | None]:
        wanted = 2 if op in {"topk", "bottomk", "limitk", "limit_ratio", "quantile", "count_values"} else 1
        if len(args) != wanted:
            problem = f"wrong number of arguments for aggregate expression provided, expected {wanted}, got {len(args)}"
            raise syntax_error(self.text, start, problem)
        return (args[0] if wanted > 1 else None,)

    def _grouping(self) -> tuple[bool, tuple[str, ...]] | None:
        if self.now.kind not in {"by", "without"}:
            return None
        is_without = self.take().kind == "without"
        return is_without, self.label_list()

    def _matching(self, op: Token) -> tuple[bool, Matching | None]:
        is_bool = self.now.kind == "bool"
        if is_bool:
            self.take()
            if op.kind not in COMPARISONS:
                raise syntax_error(self.text, op.start, "bool modifier can only be used on comparison operators")
        if self.now.kind not in {"on", "ignoring"}:
            return is_bool, None
        is_on = self.take().kind == "on"
        labels = self.label_list()
        if self.now.kind not in {"group_left", "group_right"}:
            return is_bool, Matching("one-to-one", labels, is_on)
        side = self.take()
        if op.kind in SET_OPERATORS:
            raise syntax_error(self.text, side.start, f'no grouping allowed for "{op.kind}" operation')
        include = self.label_list() if self.now.kind == "(" else ()
        return is_bool, Matching("many-to-one" if side.kind == "group_left" else "one-to-many", labels, is_on, include)


def selector_of(text: str) -> VectorSelector:
    """Return the series selector that ``text`` is; what ``match[]`` of the API takes.

    Raises:
        QuerySyntaxError: it is something else.
    """
    found = parse(text)
    if not isinstance(found, VectorSelector) or found.offset_ns or found.at is not None:
        raise QuerySyntaxError("expected a series selector")
    return found


__all__ = ["name_matcher", "parse", "selector_of"]
