"""The functions of PromQL: what they take and return (https://prometheus.io/docs/prometheus/3.5/querying/functions/)."""

from dataclasses import dataclass

from firstlight.query.promql.language.syntax import Kind

AGGREGATIONS = frozenset(
    {
        "avg", "bottomk", "count", "count_values", "group", "limitk", "limit_ratio", "max", "min", "quantile",
        "stddev", "stdvar", "sum", "topk",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function takes and returns.

    Attributes:
        args: kinds of its arguments.
        optional: how many of the last ones may be left out; -1: the last one may come any number of times.
        returns: kind of its result.
    """

    args: tuple[Kind, ...]
    optional: int = 0
    returns: Kind = "vector"

    @property
    def least(self) -> int:
        """How many arguments there must be."""
        return len(self.args) - abs(self.optional)

    @property
    def most(self) -> int | None:
        """How many arguments there may be; None: any number."""
        return None if self.optional < 0 else len(self.args)

    def kind(self, position: int) -> Kind:
        """Return the kind of the argument at ``position``."""
        return self.args[min(position, len(self.args) - 1)]


_VECTOR = Signature(("vector",))
_MATRIX = Signature(("matrix",))
_OF_VECTORS = (
    "abs absent acos acosh asin asinh atan atanh ceil cos cosh deg exp floor histogram_avg histogram_count"
    " histogram_stddev histogram_stdvar histogram_sum ln log10 log2 rad sgn sin sinh sort sort_desc sqrt tan tanh"
    " timestamp"
)
_OF_RANGES = (
    "absent_over_time avg_over_time changes count_over_time delta deriv first_over_time idelta increase irate"
    " last_over_time mad_over_time max_over_time min_over_time present_over_time rate resets stddev_over_time"
    " stdvar_over_time sum_over_time ts_of_first_over_time ts_of_last_over_time ts_of_max_over_time"
    " ts_of_min_over_time"
)
_OF_CALENDAR = "day_of_month day_of_week day_of_year days_in_month hour minute month year"

SIGNATURES: dict[str, Signature] = {
    **dict.fromkeys(_OF_VECTORS.split(), _VECTOR),
    **dict.fromkeys(_OF_RANGES.split(), _MATRIX),
    **dict.fromkeys(_OF_CALENDAR.split(), Signature(("vector",), 1)),
    "clamp": Signature(("vector", "scalar", "scalar")),
    "clamp_max": Signature(("vector", "scalar")),
    "clamp_min": Signature(("vector", "scalar")),
    "double_exponential_smoothing": Signature(("matrix", "scalar", "scalar")),
    "histogram_fraction": Signature(("scalar", "scalar", "vector")),
    "histogram_quantile": Signature(("scalar", "vector")),
    "info": Signature(("vector", "vector"), 1),
    "label_join": Signature(("vector", "string", "string", "string"), -1),
    "label_replace": Signature(("vector", "string", "string", "string", "string")),
    "pi": Signature((), returns="scalar"),
    "predict_linear": Signature(("matrix", "scalar")),
    "quantile_over_time": Signature(("scalar", "matrix")),
    "round": Signature(("vector", "scalar"), 1),
    "scalar": Signature(("vector",), returns="scalar"),
    "sort_by_label": Signature(("vector", "string"), -1),
    "sort_by_label_desc": Signature(("vector", "string"), -1),
    "time": Signature((), returns="scalar"),
    "vector": Signature(("scalar",)),
}
