"""What functions of range vectors make of histograms among the samples."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from firstlight.query.promql.annotations import Annotations
from firstlight.query.promql.label_sets import name_of
from firstlight.query.promql.ranges import Ranges, Windows
from firstlight.query.promql.syntax import Place


@dataclass(frozen=True, slots=True)
class Mixed:
    """A block of series of which some samples are histograms.

    Attributes:
        block: the series.
        floats: the windows over their floats.
        values: ``(N, S)`` what the function made of the floats.
        present: ``(N, S)`` where it made something.
        place: of the function's argument in the query.
    """

    block: Ranges
    floats: Windows
    values: Any
    present: Any
    place: Place


def joined(notes: Annotations, function: str, mix: str, mixed: Mixed) -> tuple[Any, Any, Any]:
    """Return values, presence and histograms of ``function``."""
    windows = mixed.block.histogram_windows()
    nothing = np.full(mixed.present.shape, None, object)
    if windows is None:
        return mixed.values, mixed.present, nothing
    both = mixed.floats.at_least(1) & windows.at_least(1)
    names = {name_of(mixed.block.labels[row]) for row in np.flatnonzero(both.any(axis=1)).tolist()}
    for name in sorted(names):
        if mix == "ignored":
            notes.inform(f'ignored histograms in a range containing both floats and histograms for metric name "{name}"', mixed.place)
        elif mix == "apart":
            notes.warn(f'encountered a mix of histograms and floats for metric name "{name}"', mixed.place)
    present = mixed.present & ~both if mix == "apart" else mixed.present
    return mixed.values, present, nothing
