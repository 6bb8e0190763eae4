"""Native histograms for tests."""

from collections.abc import Sequence

from hypothesis import strategies

from firstlight.query.promql.histograms.histogram import CUSTOM_BUCKETS, NONE, Buckets, Hint, Histogram


def exponential(
    first: int = 1,
    counts: Sequence[float] = (),
    *,
    schema: int = 0,
    total: float = 0.0,
    zero: tuple[float, float] = (0.0, 0.0),
    negative: Buckets = NONE,
    hint: Hint = Hint.UNKNOWN,
) -> Histogram:
    positive = Buckets.dense(first, counts)
    count = float(positive.counts.sum() + negative.counts.sum() + zero[1])
    return Histogram(schema, count, total, *zero, positive, negative, (), hint)


def custom(bounds: Sequence[float], counts: Sequence[float], total: float = 0.0) -> Histogram:
    return Histogram(CUSTOM_BUCKETS, float(sum(counts)), total, positive=Buckets.dense(0, counts), bounds=tuple(bounds))


def exponentials(schema: strategies.SearchStrategy[int] | None = None) -> strategies.SearchStrategy[Histogram]:
    """Histograms that counted whole numbers, with a zero bucket of one width."""
    counts = strategies.lists(strategies.integers(0, 9), max_size=12)
    firsts = strategies.integers(1, 6)
    return strategies.builds(
        lambda first, up, below, down, zero, schema: exponential(
            first, up, schema=schema, zero=(0.5, float(zero)), negative=Buckets.dense(below, down), total=float(sum(up))
        ),
        firsts,
        counts,
        firsts,
        counts,
        strategies.integers(0, 3),
        strategies.integers(-2, 3) if schema is None else schema,
    )
