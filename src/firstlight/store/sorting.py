"""Samples in their order: by series, time, nanoseconds; of two of one moment the later written is kept."""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

_RADIX_SERIES = 2**16
"""NumPy sorts 16-bit numbers stably in linear time."""


class Samples(NamedTuple):
    """Samples as columns, each ``(n,)``: int64 ids, int64 microseconds, int16 nanoseconds beyond them, float64."""

    ids: Any
    times_us: Any
    ns: Any
    values: Any

    def rows(self, chosen: Any) -> "Samples":
        """Return some rows: a slice, a mask or indices."""
        return Samples(*(column[chosen] for column in self))


def joined(parts: list[Samples]) -> Samples:
    """Return the rows of ``parts``, one after the other."""
    return parts[0] if len(parts) == 1 else Samples(*map(np.concatenate, zip(*parts, strict=True)))


def ordered(samples: Samples) -> Samples:
    """Return ``samples`` sorted, without those that a later row of the same series and moment replaces."""
    if not len(samples.ids):
        return samples
    ranks, series = _ranks(samples.ids)
    found = samples.rows(_by_series(ranks, series))
    same = found.ids[1:] == found.ids[:-1]
    steps = np.diff(found.times_us)
    if (same & (steps <= 0)).any():
        found = samples.rows(np.lexsort((samples.ns, samples.times_us, ranks)))
        same = found.ids[1:] == found.ids[:-1]
        steps = np.diff(found.times_us)
    replaced = same & (steps == 0) & (found.ns[1:] == found.ns[:-1])
    return found.rows(np.append(~replaced, True)) if replaced.any() else found


def _ranks(ids: Any) -> tuple[Any, int]:
    """Return the place of each id among all different ones, and how many there are."""
    coded = pa.array(ids).dictionary_encode()
    different = coded.dictionary.to_numpy()
    places = np.empty(len(different), np.int32)
    places[np.argsort(different)] = np.arange(len(different), dtype=np.int32)
    return places[coded.indices.to_numpy()], len(different)


def _by_series(ranks: Any, series: int) -> Any:
    return np.argsort(ranks.astype(np.uint16) if series <= _RADIX_SERIES else ranks, kind="stable")
