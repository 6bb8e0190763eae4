"""What metrics and labels may be called, and that no two of a scope come to the same name."""

import re
from itertools import pairwise
from math import isfinite

from firstlight.errors import UsageError
from firstlight.model import Kind
from firstlight.sdk.metrics.instruments import Definition, Instrument

MAX_NAME_CHARS = 255
"""OpenTelemetry's limit for names of instruments."""

_METRIC = re.compile(r"[A-Za-z_:][A-Za-z0-9_:./-]*")
_LABEL = re.compile(r"(?!__)[A-Za-z_][A-Za-z0-9_.]*")
_SUFFIXES = {
    Kind.HISTOGRAM: ("", "_bucket", "_sum", "_count"),
    Kind.SUMMARY: ("", "_sum", "_count"),
}
_COMPARED = ("kind", "unit", "label_names", "bounds", "details", "callback")
_OWN_LABELS = {Kind.HISTOGRAM: "le", Kind.SUMMARY: "quantile"}


def check_names(definition: Definition) -> None:
    """Look at the names that the host chose.

    Raises:
        UsageError: one of them is none that OpenTelemetry or Prometheus would take.
    """
    name = definition.name
    if not _METRIC.fullmatch(name) or len(name) > MAX_NAME_CHARS:
        raise UsageError(
            f"{name!r} cannot be a metric's name: it begins with a letter, goes on with letters, digits and any of"
            f" _ : . / - and has at most {MAX_NAME_CHARS} characters"
        )
    for label in definition.label_names:
        if not _LABEL.fullmatch(label) or label == _OWN_LABELS.get(definition.kind):
            raise UsageError(
                f"{name}: {label!r} cannot be a label: it begins with a letter or one _, goes on with letters, digits,"
                " _ and dots, and is not the kind's own (le, quantile)"
            )


def check_definition(definition: Definition) -> None:
    """Look at what any instrument must fulfil.

    Raises:
        UsageError: it has no name, labels that are equal or empty, or buckets that do not ascend.
    """
    bounds = definition.bounds
    if not definition.name:
        raise UsageError("a metric needs a name")
    if len(set(definition.label_names)) < len(definition.label_names) or "" in definition.label_names:
        raise UsageError(f"{definition.name}: label names must differ and not be empty, not {definition.label_names}")
    if not all(map(isfinite, bounds)) or any(low >= high for low, high in pairwise(bounds)):
        raise UsageError(f"{definition.name}: buckets must be finite and ascending, not {bounds}")


def check_same(
    first: Definition, first_type: type[Instrument], second: Definition, second_type: type[Instrument]
) -> None:
    """Let an instrument be registered again.

    Raises:
        UsageError: the two are not the same; the message names both places.
    """
    compared = [("type", first_type.__name__, second_type.__name__)]
    compared += [(what, getattr(first, what), getattr(second, what)) for what in _COMPARED]
    for what, mine, yours in compared:
        if mine != yours:
            raise UsageError(
                f"{first.name} is registered twice: at {first.place} with {what} {mine!r}"
                f" and at {second.place} with {what} {yours!r}"
            )


class Claims:
    """Which metric has which names in Prometheus' format, where a histogram ``x`` has ``x_count`` too."""

    def __init__(self) -> None:
        self._owners: dict[tuple[str, str], Definition] = {}

    def claim(self, definition: Definition) -> None:
        """Take the names of ``definition``.

        Raises:
            UsageError: another metric of its scope has one of them; the message names both places.
        """
        keys = _keys(definition)
        for key in keys:
            owner = self._owners.get(key)
            if owner is not None:
                raise UsageError(
                    f"the {owner.kind} {owner.name} (at {owner.place}) and the {definition.kind} {definition.name}"
                    f" (at {definition.place}) would both be {key[1]}"
                )
        self._owners.update(dict.fromkeys(keys, definition))

    def release(self, definition: Definition) -> None:
        """Give the names back."""
        for key in _keys(definition):
            self._owners.pop(key, None)


def _keys(definition: Definition) -> list[tuple[str, str]]:
    name = definition.name
    if definition.kind is Kind.COUNTER:
        names = {name, f"{name.removesuffix('_total')}_total"}
    else:
        names = {name + suffix for suffix in _SUFFIXES.get(definition.kind, ("",))}
    return [(definition.scope, each) for each in sorted(names)]
