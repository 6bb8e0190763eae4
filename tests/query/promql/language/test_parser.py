import pytest

from firstlight.errors import QuerySyntaxError
from firstlight.query.promql.language.parser import parse, selector_of
from firstlight.query.promql.language.syntax import (
    Aggregate,
    Binary,
    Call,
    MatrixSelector,
    Number,
    Subquery,
    Unary,
    VectorSelector,
    kind_of,
)

S = 10**9


def tree(text: str) -> str:
    """Return operators with all their parentheses."""

    def walk(expr: object) -> str:
        match expr:
            case Binary():
                return f"({walk(expr.left)}{expr.op}{walk(expr.right)})"
            case Unary():
                return f"({expr.op}{walk(expr.expr)})"
            case Number():
                return f"{expr.value:g}"
            case VectorSelector():
                return expr.name
            case _:
                return type(expr).__name__

    return walk(parse(text))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("1+2*3", "(1+(2*3))"),
        ("2^3^2", "(2^(3^2))"),
        ("8/4/2", "((8/4)/2)"),
        ("-a^2", "(-(a^2))"),
        ("-1*2", "(-1*2)"),
        ("a or b and c", "(aor(bandc))"),
        ("a > 1 + 2 unless b", "((a>(1+2))unlessb)"),
        ("a - b + c", "((a-b)+c)"),
        ("a % b atan2 c", "((a%b)atan2c)"),
        ("sum + by", "(sum+by)"),
        ("1h + 0x10 + 1_000 + .5e1", "(((3600+16)+1000)+5)"),
    ],
)
def test_operators_bind_as_in_prometheus(text: str, meant: str) -> None:
    assert tree(text) == meant


def test_a_selector_says_all_it_has() -> None:
    found = parse('http_requests{job="a",code=~"5..",x!="",y!~"z"} offset 5m @ 100.5')
    assert isinstance(found, VectorSelector)
    assert [(one.label, one.op, one.value) for one in found.matchers] == [
        ("job", "=", "a"),
        ("code", "=~", "5.."),
        ("x", "!=", ""),
        ("y", "!~", "z"),
        ("__name__", "=", "http_requests"),
    ]
    assert (found.offset_ns, found.at) == (300 * S, round(100.5 * S))


def test_names_in_quotes_are_selected() -> None:
    found = parse('{"metric.name", "label.x"="1"}')
    assert isinstance(found, VectorSelector)
    assert [(one.label, one.value) for one in found.matchers] == [("__name__", "metric.name"), ("label.x", "1")]


@pytest.mark.parametrize(
    ("text", "range_ns", "step_ns"),
    [("a[5m:]", 300 * S, 0), ("a[1h:30s]", 3600 * S, 30 * S), ("a[2m*15:(1+4)]", 1800 * S, 5 * S)],
)
def test_subqueries_have_a_range_and_a_step(text: str, range_ns: int, step_ns: int) -> None:
    found = parse(text)
    assert isinstance(found, Subquery)
    assert (found.range_ns, found.step_ns) == (range_ns, step_ns)


def test_offsets_take_a_literal_or_parentheses() -> None:
    found = parse("a[5m] offset -(1m + 1m)")
    assert isinstance(found, MatrixSelector)
    assert found.vector.offset_ns == -120 * S
    assert tree("a offset 1 + 2") == "(a+2)"


def test_aggregations_take_their_grouping_on_either_side() -> None:
    for text in ("sum by (a, b) (x)", "sum(x) by (a, b)", "SUM BY (a, b,) (x)"):
        found = parse(text)
        assert isinstance(found, Aggregate)
        assert (found.op, found.grouping, found.is_without) == ("sum", ("a", "b"), False)


def test_vector_matching_is_read() -> None:
    found = parse("a / on (job) group_left (x) b")
    assert isinstance(found, Binary)
    assert found.matching is not None
    assert (found.matching.card, found.matching.labels, found.matching.include) == ("many-to-one", ("job",), ("x",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1:1: parse error: no expression found in input"),
        ("1 +", "1:4: parse error: unexpected end of input"),
        ("foo{", "unexpected end of input inside braces"),
        ("(1", "unclosed left parenthesis"),
        ("1)", "unexpected right parenthesis ')'"),
        ("{}", "vector selector must contain at least one non-empty matcher"),
        ('{x=~".*"}', "vector selector must contain at least one non-empty matcher"),
        ('foo{x=~"("}', "error parsing regexp"),
        ('foo{__name__="bar"}', 'metric name must not be set twice: "foo" or "bar"'),
        ('"a', "unterminated quoted string"),
        ("1 == 2", "comparisons between scalars must use BOOL modifier"),
        ("1 and a", 'set operator "and" not allowed in binary scalar expression'),
        ("a + bool b", "bool modifier can only be used on comparison operators"),
        ("a and on (x) group_left () b", 'no grouping allowed for "and" operation'),
        ("a + on (x) group_left (x) b", 'label "x" must not occur in ON and GROUP clause at once'),
        ("1 + on (x) a", "vector matching only allowed between instant vectors"),
        ("a[5m] + 1", "binary expression must contain only scalar and instant vector types"),
        ("rate(a)", 'expected type range vector in call to function "rate", got instant vector'),
        ("sum(a[5m])", "expected type instant vector in aggregation expression, got range vector"),
        ("nope(a)", 'unknown function with name "nope"'),
        ("rate(a[5m], 1)", 'expected 1 argument(s) in call to "rate", got 2'),
        ("topk(a)", "wrong number of arguments for aggregate expression provided, expected 2, got 1"),
        ("(a)[5m]", "ranges only allowed for vector selectors"),
        ("a[0s]", "duration must be greater than 0"),
        ("a offset 1m offset 2m", "offset may not be set multiple times"),
        ("a @ 1 @ 2", "@ <timestamp> may not be set multiple times"),
        ("1 offset 1m", "offset modifier must be preceded by an instant vector selector"),
        ("a[1m:1m][1m:]", "subquery is only allowed on instant vector, got matrix instead"),
        ("-'a'", "unary expression only allowed on expressions of type scalar or instant vector"),
        ("1m5", 'bad number or duration syntax: "1m5"'),
        ("a $", "unexpected character: '$'"),
        ("(" * 300 + "1" + ")" * 300, "nested too deeply"),
        ("-" * 100_000 + "1", "nested too deeply"),
    ],
)
def test_errors_say_what_and_where(text: str, message: str) -> None:
    with pytest.raises(QuerySyntaxError) as caught:
        parse(text)
    assert message in str(caught.value)


def test_an_error_names_line_and_column() -> None:
    with pytest.raises(QuerySyntaxError) as caught:
        parse("1 +\n  rate(a)")
    assert (caught.value.line, caught.value.column) == (2, 8)


def test_comments_and_case_do_not_matter() -> None:
    assert tree("1 # one\n + 2") == "(1+2)"
    found = parse("Sum(a) BY (x)")
    assert isinstance(found, Aggregate)


def test_kinds_are_known() -> None:
    kinds = {"1": "scalar", "a": "vector", "a[1m]": "matrix", '"x"': "string", "time()": "scalar", "1+a": "vector"}
    assert {text: kind_of(parse(text)) for text in kinds} == kinds
    call = parse("rate(a[5m])")
    assert isinstance(call, Call)
    assert call.place.end == len("rate(a[5m])")


def test_match_parameters_are_selectors_only() -> None:
    assert selector_of('up{job="a"}').name == "up"
    with pytest.raises(QuerySyntaxError, match="expected a series selector"):
        selector_of("sum(up)")
