"""Operators between arrays of floats."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.power,
    "atan2": np.arctan2,
}

COMPARING: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": np.equal,
    "!=": np.not_equal,
    ">": np.greater,
    "<": np.less,
    ">=": np.greater_equal,
    "<=": np.less_equal,
}


def calculated(op: str, left: Any, right: Any) -> Any:
    """Return ``left op right``; comparisons give 1 and 0."""
    with np.errstate(all="ignore"):
        if op in ARITHMETIC:
            return ARITHMETIC[op](left, right)
        return COMPARING[op](left, right).astype(float)


def compared(op: str, left: Any, right: Any) -> Any:
    """Return where a comparison holds."""
    return COMPARING[op](left, right)
