"""Where in the columns of samples each step finds its samples."""

from typing import Any

import numpy as np

from firstlight.query.promql.values import Steps

_FEW_STEPS = 8


def positions(times_ns: Any, starts: Any, lengths: Any, moments_ns: Any) -> Any:
    """Return for each series and moment where the first sample after the moment is.

    Args:
        times_ns: ``(n,)`` times of all series, ascending within each.
        starts: ``(N,)`` where each series begins.
        lengths: ``(N,)`` how many samples it has.
        moments_ns: ``(S,)`` ascending.

    Returns:
        ``(N, S)`` int64, positions in ``times_ns`` from a series' start to its end.
    """
    if len(starts) == 1:
        return np.searchsorted(times_ns[starts[0] : starts[0] + lengths[0]], moments_ns, "right")[None, :] + starts[0]
    if not len(starts):
        return np.empty((0, len(moments_ns)), np.int64)
    if share_times(times_ns, starts, lengths):
        first = times_ns[starts[0] : starts[0] + lengths[0]]
        return np.searchsorted(first, moments_ns, "right")[None, :] + starts[:, None]
    if len(moments_ns) <= _FEW_STEPS:
        return _counted(times_ns, starts, lengths, moments_ns)
    found = np.empty((len(starts), len(moments_ns)), np.int64)
    for row, start, length in zip(found, starts.tolist(), lengths.tolist(), strict=True):
        row[:] = np.searchsorted(times_ns[start : start + length], moments_ns, "right")
    return np.add(found, starts[:, None], out=found)


def share_times(times_ns: Any, starts: Any, lengths: Any) -> bool:
    """Return whether all series, of which there is one at least, have samples at the same times."""
    length = int(lengths[0])
    begin, end = int(starts[0]), int(starts[-1] + lengths[-1])
    if not length or (lengths != length).any() or end - begin != length * len(starts):
        return False
    times = times_ns[begin:end].reshape(len(starts), length)
    # The ends tell most of those apart that differ, before all is compared.
    return bool(
        (times[:, 0] == times[0, 0]).all() and (times[:, -1] == times[0, -1]).all() and (times == times[0]).all()
    )


def _counted(times_ns: Any, starts: Any, lengths: Any, moments_ns: Any) -> Any:
    found = np.empty((len(starts), len(moments_ns)), np.int64)
    counts = np.zeros(len(times_ns) + 1, np.int64)
    for step, moment_ns in enumerate(moments_ns.tolist()):
        np.cumsum(times_ns <= moment_ns, out=counts[1:])
        found[:, step] = starts + counts[starts + lengths] - counts[starts]
    return found


def window_positions(times_ns: Any, starts: Any, lengths: Any, steps: Steps, range_ns: int) -> tuple[Any, Any]:
    """Return for each series and step where its window ``(step - range, step]`` begins and ends, ``(N, S)`` each."""
    moments_ns = steps.times_ns()
    whole, rest = divmod(range_ns, steps.step_ns) if steps.step_ns else (0, 1)
    if rest or whole > steps.count:
        first = positions(times_ns, starts, lengths, moments_ns - range_ns)
        return first, positions(times_ns, starts, lengths, moments_ns)
    # The beginnings lie on the same grid as the ends, so one search does for both.
    longer = Steps(steps.start_ns - range_ns, steps.step_ns, steps.count + whole)
    found = positions(times_ns, starts, lengths, longer.times_ns())
    return found[:, : steps.count], found[:, whole:]
