"""Charts for tests."""

from collections.abc import Sequence

import numpy as np

from firstlight.query.charts.axes import NS_PER_S
from firstlight.query.charts.chart import Chart, Line

NOON_NS = 1_760_011_200 * NS_PER_S


def chart(*values: Sequence[float], title: str = "load", bars: bool = False, unit: str = "", more: int = 0) -> Chart:
    """Return a chart of lines with a point a minute."""
    times_ns = [NOON_NS + np.arange(len(one)) * 60 * NS_PER_S for one in values]
    lines = [
        Line(f'{{cpu="{at}"}}', when, np.array(one, float))
        for at, (when, one) in enumerate(zip(times_ns, values, strict=True))
    ]
    longest = max(map(len, values), default=1)
    return Chart(title, lines, more, (NOON_NS, NOON_NS + (longest - 1) * 60 * NS_PER_S), unit, bars)
