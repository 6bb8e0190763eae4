"""The parts of PromQL's grammar below operators: literals, durations, labels, selectors."""

import re
from typing import Literal, cast

from firstlight.errors import QuerySyntaxError
from firstlight.model import Matcher
from firstlight.query.promql.language.durations import NS_PER_S, duration_ns, seconds_ns
from firstlight.query.promql.language.expressions import full_match
from firstlight.query.promql.language.lexer import KEYWORDS, Token, syntax_error, tokens_of
from firstlight.query.promql.language.quoting import is_text, quoted, unquoted
from firstlight.query.promql.language.syntax import At, Number, Place, VectorSelector

NAME = "__name__"
_LABEL = re.compile(r"[a-zA-Z_]\w*", re.ASCII)
_NO_METRICS = frozenset({"bool", "group_left", "group_right", "ignoring", "on", "atan2"})
_MATCH_OPS = frozenset({"=", "!=", "=~", "!~"})
_POWERS = {"+": 1, "-": 1, "*": 2, "/": 2, "%": 2, "^": 3}


class TokenReader:
    """Goes through the tokens of a text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._tokens = tokens_of(text)
        self._at = 0

    @property
    def now(self) -> Token:
        """The token to look at."""
        return self._tokens[self._at]

    @property
    def next(self) -> Token:
        """The one after it."""
        return self._tokens[min(self._at + 1, len(self._tokens) - 1)]

    @property
    def last(self) -> Token:
        """The one before it."""
        return self._tokens[self._at - 1]

    def take(self) -> Token:
        """Return the token to look at and go on."""
        token = self.now
        self._at += 1
        return token

    def expect(self, kind: str) -> Token:
        """Take a token that must be of ``kind``."""
        if self.now.kind != kind:
            raise self.unexpected(f', expected "{kind}"')
        return self.take()

    def unexpected(self, more: str = "") -> QuerySyntaxError:
        """Return the error that the token is not one that may stand here."""
        return syntax_error(self.text, self.now.start, f"unexpected {self.now.described()}{more}")

    def text_of(self, token: Token) -> str:
        """Return what a quoted text stands for."""
        try:
            return unquoted(token.text)
        except ValueError:
            raise syntax_error(self.text, token.start, "unknown escape sequence") from None


class DurationParser(TokenReader):
    """Numbers and durations, also calculated ones."""

    def number(self) -> Number:
        """Parse a literal number; a duration counts in seconds."""
        token = self.take()
        place = Place(token.start, token.end)
        if token.kind == "duration":
            return Number(self._duration_ns(token) / NS_PER_S, place, is_duration=True)
        return Number(_number(token.text), place)

    def positive_ns(self, start: int) -> int:
        """Parse a duration that must be longer than 0."""
        found = self._calculated(1)
        if found <= 0:
            raise syntax_error(self.text, start, "duration must be greater than 0")
        return self._as_ns(found, start)

    def offset_ns(self) -> int:
        """Parse the duration after ``offset``: a literal with or without a sign, or a calculation in parentheses."""
        start, sign = self.now.start, 1.0
        while self.now.kind in {"+", "-"}:
            sign *= -1.0 if self.take().kind == "-" else 1.0
        return self._as_ns(sign * self._operand(), start)

    def at(self) -> At:
        """Parse the time after ``@``."""
        if self.now.kind in {"start", "end"}:
            name = cast('Literal["start", "end"]', self.take().kind)
            self.expect("(")
            self.expect(")")
            return name
        start = self.now.start
        sign = -1.0 if self.now.kind == "-" else 1.0
        if self.now.kind in {"+", "-"}:
            self.take()
        if self.now.kind not in {"number", "duration"}:
            raise self.unexpected(" in @, expected timestamp")
        try:
            return seconds_ns(sign * self.number().value)
        except ValueError:
            raise syntax_error(self.text, start, "timestamp out of bounds for @ modifier") from None

    def _as_ns(self, seconds: float, start: int) -> int:
        try:
            return seconds_ns(seconds)
        except ValueError as error:
            raise syntax_error(self.text, start, str(error)) from None

    def _calculated(self, least: int) -> float:
        left = self._signed()
        while (power := _POWERS.get(self.now.kind, 0)) >= least:
            op = self.take()
            left = self._operated(op, left, self._calculated(power + (op.kind != "^")))
        return left

    def _signed(self) -> float:
        if self.now.kind in {"+", "-"}:
            sign = -1 if self.take().kind == "-" else 1
            return sign * self._calculated(_POWERS["^"])
        return self._operand()

    def _operand(self) -> float:
        if self.now.kind == "(":
            self.take()
            found = self._calculated(1)
            self.expect(")")
            return found
        if self.now.kind not in {"number", "duration"}:
            raise self.unexpected(", expected number or duration")
        return self.number().value

    def _operated(self, op: Token, left: float, right: float) -> float:
        if op.kind in {"/", "%"} and right == 0:
            raise syntax_error(self.text, op.start, "division by zero" if op.kind == "/" else "modulo by zero")
        try:
            return _calculate(op.kind, left, right)
        except (OverflowError, ZeroDivisionError):
            raise syntax_error(self.text, op.start, "duration out of range") from None

    def _duration_ns(self, token: Token) -> int:
        try:
            return duration_ns(token.text)
        except ValueError as error:
            raise syntax_error(self.text, token.start, str(error)) from None


class SelectorParser(DurationParser):
    """Label lists and selectors."""

    def is_name(self, token: Token) -> bool:
        """Return whether ``token`` may be a metric's name."""
        return token.kind == "word" or (token.kind in KEYWORDS and token.kind not in _NO_METRICS)

    def label_list(self) -> tuple[str, ...]:
        """Parse labels in parentheses."""
        self.expect("(")
        found: list[str] = []
        while self.now.kind != ")":
            found.append(self._label())
            if self.now.kind != ")":
                self.expect(",")
        self.expect(")")
        return tuple(found)

    def _label(self) -> str:
        token = self.now
        if token.kind == "string":
            self.take()
            name = self.text_of(token)
            if not name or not is_text(name):
                raise syntax_error(self.text, token.start, f"invalid label name {quoted(name)}")
            return name
        if (token.kind == "word" or token.kind in KEYWORDS) and _LABEL.fullmatch(token.text):
            return self.take().text
        raise self.unexpected(" in grouping opts, expected label")

    def selector(self, name: str, start: int) -> VectorSelector:
        """Parse what follows a metric's name."""
        matchers: list[Matcher] = []
        outside = name
        if self.now.kind == "{":
            self.take()
            while self.now.kind != "}":
                name = self._matcher(name, matchers)
                if self.now.kind != "}":
                    self.expect(",")
            self.expect("}")
        if outside:
            matchers.append(name_matcher(outside))
        return VectorSelector(outside, tuple(matchers), Place(start, self.last.end))

    def _matcher(self, name: str, matchers: list[Matcher]) -> str:
        token = self.now
        if token.kind not in {"word", "string"}:
            raise self.unexpected(" in label matching, expected identifier or string")
        self.take()
        label = self.text_of(token) if token.kind == "string" else token.text
        if self.now.kind not in _MATCH_OPS:
            return self._quoted_name(token, label, name, matchers)
        op = self.take().kind
        if self.now.kind != "string":
            raise self.unexpected(" in label matching, expected string")
        if name and label == NAME:
            raise syntax_error(self.text, token.start, _twice(name, self.text_of(self.now)))
        matchers.append(Matcher(label, cast('Literal["=", "!=", "=~", "!~"]', op), self._value(op)))
        return name

    def _quoted_name(self, token: Token, label: str, name: str, matchers: list[Matcher]) -> str:
        if token.kind != "string":
            raise self.unexpected(" in label matching, expected label matching operator")
        if name:
            raise syntax_error(self.text, token.start, _twice(name, label))
        matchers.append(name_matcher(label))
        return label

    def _value(self, op: str) -> str:
        token = self.take()
        value = self.text_of(token)
        if op in {"=~", "!~"}:
            problem = _regex_problem(value)
            if problem:
                raise syntax_error(self.text, token.start, problem)
        return value


def name_matcher(name: str) -> Matcher:
    """Return the matcher of a metric's name."""
    return Matcher(NAME, "=", name)


def _twice(first: str, second: str) -> str:
    return f'metric name must not be set twice: "{first}" or "{second}"'


def _number(text: str) -> float:
    bare = text.replace("_", "").lower()
    return float(int(bare, 16)) if bare.startswith("0x") else float(bare)


def _calculate(op: str, left: float, right: float) -> float:
    match op:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/":
            return left / right
        case "%":
            # The sign is that of the left side, as in Go.
            return abs(left) % abs(right) * (-1 if left < 0 else 1)
        case _:
            return float(left**right)


def meets(matcher: Matcher, text: str) -> bool:
    """Return whether a label with the value ``text``, which is empty where there is none, meets ``matcher``."""
    if matcher.op in {"=", "!="}:
        return (matcher.value == text) == (matcher.op == "=")
    return full_match(matcher.value, text) == (matcher.op == "=~")


def _regex_problem(expression: str) -> str | None:
    try:
        full_match(expression, "")
    except ValueError as error:
        # Without what Arrow says before it and what was put around the expression.
        reason = str(error).removeprefix("Invalid regular expression: ").partition(": ^(?s:")[0]
        return f"error parsing regexp: {reason}: `{expression}`"
    return None
