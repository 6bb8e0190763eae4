import pytest

from firstlight.query.promql.language.parser import parse
from firstlight.query.promql.language.printing import pretty, text_of


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("1+2 * -3", "1 + 2 * -3"),
        ("sum(x)by(a,b)", "sum by (a, b) (x)"),
        ("sum without() (x)", "sum without () (x)"),
        ('a{z="1", b=~"2"}[90s] offset -1h @ 5', 'a{b=~"2",z="1"}[1m30s] @ 5.000 offset -1h'),
        ("rate(x[5m])[1h:] @ end()", "rate(x[5m])[1h:] @ end()"),
        ("a/on(x)group_left(y)b", "a / on (x) group_left (y) b"),
        ("a == bool on() b", "a == bool on () b"),
        ('{"a.b"}', '{__name__="a.b"}'),
        ("1h + 0.5", "1h + 0.5"),
        ("label_join(a, 'x', \"\\n\")", 'label_join(a, "x", "\\n")'),
        ("topk(5, (a))", "topk(5, (a))"),
    ],
)
def test_text_comes_back_in_one_form(text: str, canonical: str) -> None:
    assert text_of(parse(text)) == canonical
    assert text_of(parse(canonical)) == canonical


def test_long_expressions_are_laid_out_in_lines() -> None:
    long = 'sum by (job) (rate(http_requests_total{code=~"5..",handler="/api/v1/query"}[5m]))'
    assert pretty(parse(f"{long} / (label_replace({long}, 'a', 'b', 'c', 'd'))")) == (
        '  sum by (job) (rate(http_requests_total{code=~"5..",handler="/api/v1/query"}[5m]))\n'
        "/\n"
        "  (\n"
        "    label_replace(\n"
        '      sum by (job) (rate(http_requests_total{code=~"5..",handler="/api/v1/query"}[5m])),\n'
        '      "a",\n'
        '      "b",\n'
        '      "c",\n'
        '      "d"\n'
        "    )\n"
        "  )"
    )
