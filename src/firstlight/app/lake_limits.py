"""What a lake may use."""

from dataclasses import dataclass, field

from firstlight.app.series_limits import SeriesLimits
from firstlight.query.promql.limits import MAX_SAMPLES
from firstlight.store.reader import DEFAULT_MEMORY_BYTES, DEFAULT_THREADS, DEFAULT_TIME_LIMIT_S
from firstlight.store.wal import DEFAULT_ROTATE_BYTES, DEFAULT_ROTATE_S


@dataclass(frozen=True, slots=True)
class LakeLimits:
    """What a lake may use.

    Attributes:
        memory_limit_bytes: of the query engine.
        threads: of the query engine.
        time_limit_s: a query that takes longer is stopped.
        query_samples: samples that one PromQL query may touch.
        rotate_bytes: size at which a new log file begins.
        rotate_s: age at which a new log file begins; its rows are sealed soon after.
        series: how many series there may be; samples of further ones are refused and counted.
    """

    memory_limit_bytes: int = DEFAULT_MEMORY_BYTES
    threads: int = DEFAULT_THREADS
    time_limit_s: float = DEFAULT_TIME_LIMIT_S
    query_samples: int = MAX_SAMPLES
    rotate_bytes: int = DEFAULT_ROTATE_BYTES
    rotate_s: float = DEFAULT_ROTATE_S
    series: SeriesLimits = field(default_factory=SeriesLimits)
