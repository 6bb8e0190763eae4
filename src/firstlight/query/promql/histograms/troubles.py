"""What goes wrong between histograms."""

from enum import Enum


class Trouble(Enum):
    """Why there is no result, or what is doubtful about it; ``value`` is Prometheus' wording before the metric's name.

    Attributes:
        is_info: whether it is a hint rather than a warning.
    """

    MIXED_FLOATS = "encountered a mix of histograms and floats for metric name"
    IGNORED = "ignored histograms in a range containing both floats and histograms for metric name"
    MIXED_SCHEMAS = "vector contains a mix of histograms with exponential and custom buckets schemas for metric name"
    DIFFERENT_BOUNDS = "vector contains histograms with incompatible custom buckets for metric name"
    NOT_COUNTER = "this native histogram metric is not a counter:"
    NOT_GAUGE = "this native histogram metric is not a gauge:"
    QUANTILE_NAN = "input to histogram_quantile has NaN observations, result is NaN for metric name"
    QUANTILE_SKEWED = "input to histogram_quantile has NaN observations, result is skewed higher for metric name"
    FRACTION_NAN = (
        "input to histogram_fraction has NaN observations, which are excluded from all fractions for metric name"
    )

    @property
    def is_info(self) -> bool:
        """Whether it is a hint rather than a warning."""
        return self in _INFOS


_INFOS = frozenset({Trouble.IGNORED, Trouble.QUANTILE_NAN, Trouble.QUANTILE_SKEWED, Trouble.FRACTION_NAN})
