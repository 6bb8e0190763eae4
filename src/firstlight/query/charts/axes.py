"""Where an axis has its marks, and what people read beside them."""

import math
from datetime import UTC, datetime

NS_PER_S = 1_000_000_000

_NICE = (1.0, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
_SAME_SHARE = 1e-8
"""Values that differ by less are drawn as one; no mark could tell them apart."""
_DAY_S = 86_400
_STEPS_S = (
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 10_800, 21_600, 43_200, _DAY_S, 2 * _DAY_S, 7 * _DAY_S, 14 * _DAY_S),
)
_MOST_DAYS = 30
_SCALES = {
    "": (1000.0, ("", "k", "M", "G", "T", "P")),
    "B": (1024.0, ("B", "KiB", "MiB", "GiB", "TiB", "PiB")),
}
_SMALL_S = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_LARGE_S = ((86_400.0, "d"), (3600.0, "h"), (60.0, "min"))
_TINY, _HUGE = 1e-4, 1e6
_DIGITS = 4


def value_marks(low: float, high: float, count: int) -> list[float]:
    """Return about ``count`` round values, the first at most ``low``, the last at least ``high``."""
    if high - low <= abs(low) * _SAME_SHARE:
        pad = abs(low) / 10 or 1.0
        low, high = low - pad, high + pad
    step = nice_step((high - low) / max(count - 1, 1))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, last + 1)]


def nice_step(least: float) -> float:
    """Return the least round number that is ``least`` or more."""
    power = 10.0 ** math.floor(math.log10(least))
    return next((factor * power for factor in _NICE if factor * power >= least * (1 - 1e-9)), 10 * power)


def time_marks(start_ns: int, end_ns: int, count: int) -> list[tuple[int, str]]:
    """Return at most about ``count`` round moments in UTC, in nanoseconds, and what is written at each."""
    span_s = (end_ns - start_ns) / NS_PER_S
    step_s = time_step_s(span_s / max(count, 1))
    if step_s == 0:
        return [(start_ns, time_text(start_ns, 0.0))]
    step_ns = step_s * NS_PER_S
    first = -(-start_ns // step_ns) * step_ns
    return [(time_ns, time_text(time_ns, step_s)) for time_ns in range(first, end_ns + 1, step_ns)]


def time_step_s(least_s: float) -> int:
    """Return the least round number of seconds that is ``least_s`` or more; 0 for none."""
    if least_s <= 0:
        return 0
    if least_s > _STEPS_S[-1]:
        return math.ceil(least_s / (_MOST_DAYS * _DAY_S)) * _MOST_DAYS * _DAY_S
    return next(step for step in _STEPS_S if step >= least_s)


def time_text(time_ns: int, step_s: float) -> str:
    """Return the time of a mark as far as marks ``step_s`` apart need it."""
    moment = datetime.fromtimestamp(time_ns // NS_PER_S, UTC)
    if step_s >= _DAY_S:
        return moment.strftime("%b %d")
    if step_s >= 60 and moment.hour == moment.minute == 0:  # noqa: PLR2004 - seconds of a minute
        return moment.strftime("%b %d")
    return moment.strftime("%H:%M" if step_s >= 60 else "%H:%M:%S")  # noqa: PLR2004


def unit_of(names: set[str]) -> str:
    """Return the unit that the names of metrics say all of them have: ``B``, ``s``, ``%`` or none."""
    endings = {name.rpartition("_")[2] for name in names}
    known = {"bytes": "B", "seconds": "s", "ratio": "%"}
    return known.get(endings.pop(), "") if len(endings) == 1 else ""


def value_text(value: float, unit: str = "", step: float = 0.0) -> str:
    """Return ``value`` as people read it: 1.2k, 3.4 GiB, 20 ms, 12.5%.

    Args:
        value: any.
        unit: one of :func:`unit_of`.
        step: how far marks are apart, which says how many digits tell them apart; 0 for four digits.
    """
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    if value == 0:
        return "0" + {"%": "%", "": ""}.get(unit, f" {unit}")
    if unit == "%":
        return f"{_digits(value * 100, step * 100)}%"
    size, name = _scale(max(abs(value), step), unit)
    return f"{_digits(value / size, step / size)}{' ' if unit else ''}{name}"


def _scale(size: float, unit: str) -> tuple[float, str]:
    if unit == "s":
        if size >= _LARGE_S[-1][0] * 2:
            return next(scale for scale in _LARGE_S if size >= scale[0])
        return next((scale for scale in _SMALL_S if size >= scale[0]), _SMALL_S[-1])
    base, names = _SCALES[unit]
    power = 0
    while size >= base and power < len(names) - 1:
        size, power = size / base, power + 1
    return base**power, names[power]


def _digits(value: float, step: float) -> str:
    if not _TINY <= abs(value) < _HUGE:
        return f"{value:.{_DIGITS - 1}g}"
    if step:
        places = max(0, -math.floor(math.log10(step) + 1e-9))
        text = f"{value:.{places + 1}f}"
    else:
        text = f"{value:.{max(0, _DIGITS - 1 - math.floor(math.log10(abs(value))))}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
