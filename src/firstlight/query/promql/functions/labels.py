"""Functions of labels: ``label_replace``, ``label_join``, and order by labels."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from firstlight.errors import QueryFailed
from firstlight.query.promql.context import Context
from firstlight.query.promql.label_sets import NAME, merged, value_of, with_label
from firstlight.query.promql.language.expressions import anchored, which_match
from firstlight.query.promql.language.quoting import is_text, quoted
from firstlight.query.promql.language.syntax import Call
from firstlight.query.promql.sources.source import Labels
from firstlight.query.promql.values import Steps, Vector

_GROUP = re.compile(r"\\.|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]|\((?:\?P?<(\w+)>|(\?))?", re.DOTALL)
_REFERENCE = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})", re.ASCII)
_DIGITS = re.compile(r"(\d+)")
_MOST_GROUPS = 9


def label_replace(context: Context, call: Call, steps: Steps) -> Vector:
    """Evaluate ``label_replace``: where a label meets an expression, another is set to what the template makes of it.

    Raises:
        QueryFailed: a bad expression or label name, or two series become the same.
    """
    vector = context.vector(call.args[0], steps)
    target, template, source, expression = (context.text(arg, steps) for arg in call.args[1:])
    _check_label(target, "label_replace")
    values = [value_of(labels, source) for labels in vector.labels]
    try:
        met = which_match(expression, values)
    except ValueError:
        raise QueryFailed(f"invalid regular expression in label_replace(): {expression}") from None
    replaced = _expanded(expression, template, values)
    labels = [
        with_label(labels, target, value) if meets else labels
        for labels, value, meets in zip(vector.labels, replaced, met.tolist(), strict=True)
    ]
    return _relabelled(vector, labels, target, met)


def _expanded(expression: str, template: str, values: list[str]) -> list[str]:
    """Return what ``template`` makes of each value; what does not meet the expression comes back as it is.

    RE2 does it in time linear in the text, whatever the expression is.
    """
    numbers = _group_names(expression)

    def reference(found: re.Match[str]) -> str:
        if found[1]:
            return "$"
        name = found[2] or found[3]
        number = int(name) if name.isdigit() else numbers.get(name, -1)
        return f"\\{number}" if 0 <= number <= max(numbers.values(), default=0) else ""

    pieces, at = [], 0
    for found in _REFERENCE.finditer(template):
        pieces += [template[at : found.start()].replace("\\", "\\\\"), reference(found)]
        at = found.end()
    rewritten = "".join([*pieces, template[at:].replace("\\", "\\\\")])
    array = pa.array(values, pa.string())
    return list(pc.replace_substring_regex(array, anchored(expression), rewritten, max_replacements=1).to_pylist())


def _group_names(expression: str) -> dict[str, int]:
    """Return the number of each capturing group by its name, or by its number as text."""
    found: dict[str, int] = {}
    for group in _GROUP.finditer(expression):
        if group[0].startswith("(") and not group[2]:
            number = len(set(found.values())) + 1
            found[str(number)] = number
            if group[1]:
                found[group[1]] = number
    return {name: number for name, number in found.items() if number <= _MOST_GROUPS}


def label_join(context: Context, call: Call, steps: Steps) -> Vector:
    """Evaluate ``label_join``: a label set to several others, joined.

    Raises:
        QueryFailed: a bad label name, or two series become the same.
    """
    vector = context.vector(call.args[0], steps)
    target, between, *sources = (context.text(arg, steps) for arg in call.args[1:])
    for name in (*sources, target):
        _check_label(name, "label_join")
    labels = [
        with_label(labels, target, between.join(value_of(labels, source) for source in sources))
        for labels in vector.labels
    ]
    return _relabelled(vector, labels, target, np.ones(len(vector), bool))


def _check_label(name: str, function: str) -> None:
    if not name or not is_text(name):
        raise QueryFailed(f"invalid destination label name in {function}(): {quoted(name)}")


def _relabelled(vector: Vector, labels: list[Labels], target: str, changed: Any) -> Vector:
    # A name that is given anew is not dropped with the old one.
    nameless = vector.nameless & ~changed if target == NAME else vector.nameless
    return merged(replace(vector, labels=labels, nameless=nameless))


def sort_by_label(context: Context, call: Call, steps: Steps) -> Vector:
    """Evaluate ``sort_by_label`` and ``sort_by_label_desc``: numbers within the values count as numbers."""
    vector = context.vector(call.args[0], steps)
    names = [context.text(arg, steps) for arg in call.args[1:]]
    if steps.count > 1:
        return vector

    def key(row: int) -> tuple[Any, ...]:
        labels = vector.labels[row]
        return (*(_natural(value_of(labels, name)) for name in names), labels)

    return vector.rows(sorted(range(len(vector)), key=key, reverse=call.name.endswith("_desc")))


def _natural(text: str) -> list[tuple[int, int, str]]:
    return [(0, int(part), part) if part.isdigit() else (1, 0, part) for part in _DIGITS.split(text) if part]


def sort_by_value(context: Context, call: Call, steps: Steps) -> Vector:
    """Evaluate ``sort`` and ``sort_desc``; NaN comes last, histograms are left out."""
    vector = context.vector(call.args[0], steps)
    floats = replace(vector, present=vector.is_float, histograms=None)
    if steps.count > 1:
        return floats
    values = floats.values[:, 0]
    return floats.rows(np.lexsort((-values if call.name == "sort_desc" else values, np.isnan(values))))
