"""Each kernel over all windows at once says what a plain loop says of each window."""

import math
import statistics
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstlight.query.promql.engine import Engine
from firstlight.query.promql.sources.memory import MemorySource
from tests.query.promql.series import S, shown

Sample = tuple[int, float]
Window = list[Sample]
Line = list[Sample]


def rate(window: Window, start: float, end: float, counter: bool = True) -> float | None:
    """Return the increase as the documentation of Prometheus tells it."""
    if len(window) < 2:
        return None
    grown = window[-1][1] - window[0][1]
    if counter:
        grown += sum(old for (_, old), (_, new) in pairwise(window) if new < old)
    sampled = (window[-1][0] - window[0][0]) / S
    apart = sampled / (len(window) - 1)
    before, after = window[0][0] / S - start, end - window[-1][0] / S
    before = apart / 2 if before >= apart * 1.1 else before
    if counter and grown > 0 and window[0][1] >= 0:
        before = min(before, sampled * window[0][1] / grown)
    after = apart / 2 if after >= apart * 1.1 else after
    return grown * (sampled + before + after) / sampled


def quantile(values: list[float], q: float) -> float:
    ordered = sorted(values)
    rank = q * (len(ordered) - 1)
    low = math.floor(rank)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] * (1 - (rank - low)) + ordered[high] * (rank - low)


def slope(window: Window) -> float | None:
    if len(window) < 2:
        return None
    if len({v for _, v in window}) == 1:
        return 0.0
    return statistics.linear_regression([t / S for t, _ in window], [v for _, v in window]).slope


def of_values(kernel: Callable[[list[float]], float]) -> Callable[[Window, float, float], float | None]:
    return lambda window, start, end: kernel([v for _, v in window]) if window else None


def pairs(holds: Callable[[float, float], bool]) -> Callable[[list[float]], float]:
    return lambda values: float(sum(holds(a, b) for a, b in pairwise(values)))


NAIVE: dict[str, Callable[[Window, float, float], float | None]] = {
    "rate(m[{r}])": lambda w, s, e: None if (found := rate(w, s, e)) is None else found / (e - s),
    "increase(m[{r}])": rate,
    "delta(m[{r}])": lambda w, s, e: rate(w, s, e, counter=False),
    "idelta(m[{r}])": lambda w, s, e: w[-1][1] - w[-2][1] if len(w) > 1 else None,
    "sum_over_time(m[{r}])": of_values(math.fsum),
    "avg_over_time(m[{r}])": of_values(lambda v: math.fsum(v) / len(v)),
    "min_over_time(m[{r}])": of_values(min),
    "max_over_time(m[{r}])": of_values(max),
    "count_over_time(m[{r}])": of_values(lambda v: float(len(v))),
    "last_over_time(m[{r}])": of_values(lambda v: v[-1]),
    "stdvar_over_time(m[{r}])": of_values(statistics.pvariance),
    "quantile_over_time(0.3, m[{r}])": of_values(lambda v: quantile(v, 0.3)),
    "mad_over_time(m[{r}])": of_values(lambda v: statistics.median([abs(one - statistics.median(v)) for one in v])),
    "changes(m[{r}])": of_values(pairs(lambda a, b: a != b)),
    "resets(m[{r}])": of_values(pairs(lambda a, b: b < a)),
    "deriv(m[{r}])": lambda w, s, e: slope(w),
    "ts_of_max_over_time(m[{r}])": lambda w, s, e: max(w, key=lambda one: (one[1], one[0]))[0] / S if w else None,
}


def lines(draw: st.DrawFn) -> Line:
    times = draw(st.lists(st.integers(1, 600), min_size=1, max_size=200, unique=True))
    # Squares of smaller numbers than these are 0 to a float.
    numbers = st.integers(-50, 50) | st.floats(-1e6, 1e6).filter(lambda value: value == 0 or abs(value) > 1e-9)
    return [(t * S, float(draw(numbers))) for t in sorted(times)]


@pytest.mark.parametrize("text", NAIVE)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_kernels_agree_with_a_loop_over_windows(text: str, data: st.DataObject) -> None:
    held = data.draw(st.lists(st.composite(lines)(), min_size=1, max_size=3))
    range_s, step_s = data.draw(st.sampled_from([(30, 10), (60, 60), (100, 7), (600, 20), (7, 30)]))
    source = MemorySource()
    for number, line in enumerate(held):
        source.add({"__name__": "m", "n": str(number)}, line)
    found = shown(Engine(source).range(text.format(r=f"{range_s}s"), 0, 600 * S, step_s * S))
    expected: dict[str, dict[float, float]] = {}
    for number, line in enumerate(held):
        for end in range(0, 601, step_s):
            window = [one for one in line if (end - range_s) * S < one[0] <= end * S]
            value = NAIVE[text](window, end - range_s, end)
            if value is not None:
                name = f"__name__=m,n={number}" if text.startswith("last") else f"n={number}"
                expected.setdefault(name, {})[float(end)] = value
    assert {name: list(line) for name, line in found.items()} == {name: list(line) for name, line in expected.items()}
    for name, line in expected.items():
        largest = max((abs(v) for _, v in held[int(name[-1])]), default=0.0)
        tolerance = largest**2 * 1e-9 if "stdvar" in text else largest * 1e-9
        np.testing.assert_allclose(list(found[name].values()), list(line.values()), rtol=1e-9, atol=tolerance)
