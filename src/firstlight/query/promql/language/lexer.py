"""PromQL text cut into tokens."""

import re
from dataclasses import dataclass

from firstlight.errors import QuerySyntaxError
from firstlight.query.promql.language.signatures import AGGREGATIONS
from firstlight.query.promql.language.syntax import line_and_column

_NUMBER = r"0[xX][0-9a-fA-F_]+|(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d[\d_]*)?"
_COMMON = rf"""
    (?P<space>(?:\s|\#[^\n]*)+)
  | (?P<duration>\d+(?:ms|[smhdwy])(?:\d+(?:ms|[smhdwy]))*(?![\w.]))
  | (?P<number>(?:{_NUMBER})(?![\w.]))
  | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)
"""
_OUTSIDE = re.compile(
    rf"""{_COMMON}
  | (?P<word>[a-zA-Z_:][\w:]*)
  | (?P<op>=~|!~|!=|==|>=|<=|[-+*/%^<>=(){{}}\[\],@])
""",
    re.VERBOSE | re.ASCII,
)
_IN_BRACKETS = re.compile(
    rf"""{_COMMON}
  | (?P<word>[a-zA-Z_]\w*)
  | (?P<op>[-+*/%^(){{}}\[\],@:])
""",
    re.VERBOSE | re.ASCII,
)
_IN_BRACES = re.compile(
    r"""
    (?P<space>(?:\s|\#[^\n]*)+)
  | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)
  | (?P<word>[a-zA-Z_]\w*)
  | (?P<op>=~|!~|!=|[=,{}])
""",
    re.VERBOSE | re.ASCII,
)

KEYWORDS = AGGREGATIONS | {
    "and", "atan2", "bool", "by", "end", "group_left", "group_right", "ignoring", "offset", "on", "or", "start",
    "unless", "without",
}  # fmt: skip
_NUMERIC_WORDS = frozenset({"inf", "nan"})
_NAMED = {
    "(": "left parenthesis '('",
    ")": "right parenthesis ')'",
    "{": "left brace '{'",
    "}": "right brace '}'",
    "[": "left bracket '['",
    "]": "right bracket ']'",
    ",": '","',
    "=": '"="',
    ":": '":"',
}


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text.

    Attributes:
        kind: ``word``, ``number``, ``duration``, ``string``, ``end of input``, a keyword in small letters or the
            operator itself.
        text: as written.
        start: where it begins.
    """

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.start + len(self.text)

    def described(self) -> str:
        """Return how Prometheus calls it in messages."""
        if self.kind == "end of input":
            return self.kind
        if self.kind == "word":
            return f'identifier "{self.text}"'
        if self.kind in {"number", "duration"}:
            return f'{self.kind} "{self.text}"'
        if self.kind == "string":
            return f"string {self.text}"
        if self.kind in AGGREGATIONS:
            return f"<aggr:{self.kind}>"
        return _NAMED.get(self.kind) or (f"<{self.kind}>" if self.kind in KEYWORDS else f"<op:{self.kind}>")


def tokens_of(text: str) -> list[Token]:
    """Return the tokens of ``text``, with one for its end.

    Raises:
        QuerySyntaxError: something in it is no token, or a brace or parenthesis is left open.
    """
    found: list[Token] = []
    open_at: list[str] = []
    at = 0
    while at < len(text):
        inside = open_at[-1] if open_at else ""
        form = _IN_BRACES if inside == "{" else _IN_BRACKETS if "[" in open_at else _OUTSIDE
        match = form.match(text, at)
        if match is None:
            raise _stray(text, at, inside)
        if match.lastgroup != "space":
            found.append(_token(match, is_label=inside == "{"))
            _open_or_close(text, found[-1], open_at)
        at = match.end()
    if open_at:
        raise _unclosed(text, open_at[-1])
    found.append(Token("end of input", "", len(text)))
    return found


def _token(match: re.Match[str], *, is_label: bool) -> Token:
    kind, text = match.lastgroup or "", match[0]
    if kind == "op":
        return Token(text, text, match.start())
    if kind == "word" and not is_label:
        lowered = text.lower()
        if lowered in KEYWORDS:
            return Token(lowered, text, match.start())
        if lowered in _NUMERIC_WORDS:
            return Token("number", text, match.start())
    return Token(kind, text, match.start())


_PAIRS = {")": "(", "]": "[", "}": "{"}


def _open_or_close(text: str, token: Token, open_at: list[str]) -> None:
    if token.kind in {"(", "[", "{"}:
        open_at.append(token.kind)
    elif token.kind in _PAIRS:
        if not open_at or open_at[-1] != _PAIRS[token.kind]:
            raise syntax_error(text, token.start, f"unexpected {token.described()}")
        open_at.pop()


def _unclosed(text: str, last: str) -> QuerySyntaxError:
    problem = {
        "{": "unexpected end of input inside braces",
        "[": "unclosed left bracket",
        "(": "unclosed left parenthesis",
    }[last]
    return syntax_error(text, len(text), problem)


def _stray(text: str, at: int, inside: str) -> QuerySyntaxError:
    letter = text[at]
    if letter in "\"'`":
        problem = "unterminated raw string" if letter == "`" else "unterminated quoted string"
    elif inside == "{":
        problem = f"unexpected character inside braces: {letter!r}"
    elif letter.isdigit() or letter == ".":
        bad = re.match(r"[\w.]+", text[at:])
        problem = f'bad number or duration syntax: "{bad[0] if bad else letter}"'
    else:
        problem = f"unexpected character: {letter!r}"
    return syntax_error(text, at, problem)


def syntax_error(text: str, at: int, problem: str) -> QuerySyntaxError:
    """Return the error that says ``problem`` of position ``at``."""
    return QuerySyntaxError(problem, *line_and_column(text, at))
