from typing import Any

from firstlight.query.promql.language.parser import parse
from firstlight.query.promql.language.tree import tree_of

HERE: dict[str, Any] = {"offset": 0, "timestamp": None, "startOrEnd": None}


def named(name: str) -> dict[str, Any]:
    return {"name": name, "matchers": [{"name": "__name__", "type": "=", "value": name}], **HERE}


def test_trees_take_the_form_of_the_api() -> None:
    assert tree_of(parse("-sum by (x) (a) > bool 2")) == {
        "type": "binaryExpr",
        "op": ">",
        "bool": True,
        "matching": None,
        "lhs": {
            "type": "unaryExpr",
            "op": "-",
            "expr": {
                "type": "aggregation",
                "op": "sum",
                "param": None,
                "grouping": ["x"],
                "without": False,
                "expr": {"type": "vectorSelector", **named("a")},
            },
        },
        "rhs": {"type": "numberLiteral", "val": "2"},
    }


def test_times_are_milliseconds() -> None:
    found = tree_of(parse("rate(a[5m])[1h:30s] @ 1.5 offset 1s"))
    assert {key: found[key] for key in ("range", "step", "offset", "timestamp", "startOrEnd")} == {
        "range": 3_600_000, "step": 30_000, "offset": 1000, "timestamp": 1500, "startOrEnd": None
    }  # fmt: skip
    assert found["expr"]["args"] == [{"type": "matrixSelector", "range": 300_000, **named("a")}]
    function = {"name": "rate", "argTypes": ["matrix"], "variadic": 0, "returnType": "vector"}
    assert found["expr"]["func"] == function


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert tree_of(parse(r'"\xff"')) == {"type": "stringLiteral", "val": "�"}
