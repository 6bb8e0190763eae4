"""Functions and files stay as small as CONTRIBUTING.md asks."""

import ast
import statistics
from pathlib import Path

SOURCES = Path(__file__).parents[2] / "src" / "firstlight"
FILES = {path: path.read_text() for path in SOURCES.rglob("*.py")}
MEDIAN_LINES = 10
MOST_LINES = 35
MOST_SHARE = 0.9
FILE_LINES = 400


def function_lengths() -> list[int]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = (node for text in FILES.values() for node in ast.walk(ast.parse(text)) if isinstance(node, kinds))
    return [(node.end_lineno or node.lineno) - node.lineno + 1 for node in nodes]


def test_functions_are_small() -> None:
    lengths = function_lengths()
    assert statistics.median(lengths) <= MEDIAN_LINES
    assert sum(length <= MOST_LINES for length in lengths) >= MOST_SHARE * len(lengths)


def test_a_file_holds_one_idea() -> None:
    assert {str(path) for path, text in FILES.items() if text.count("\n") > FILE_LINES} == set()
