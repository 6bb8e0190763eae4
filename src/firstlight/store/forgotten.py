"""Whether an index of series knows some that the lake has forgotten: old ones, or erased ones."""

from collections.abc import Collection, Iterable

import numpy as np
import pyarrow.parquet as pq

from firstlight.store.catalog import Segment
from firstlight.store.tail import FileTail


def forgotten(known: Collection[int], indexed: set[str], segments: Iterable[Segment], logs: Iterable[FileTail]) -> bool:
    """Return whether ``known`` has ids that nobody defines any more.

    Args:
        known: ids in the index.
        indexed: paths of the segments that it was made from; as long as all of them are there, nothing is forgotten.
        segments: of series, those that there are.
        logs: that there are; they define series, too.

    Raises:
        OSError: a segment cannot be read.
        pa.ArrowException: one is damaged.
    """
    paths = {found.path for found in segments}
    if indexed <= paths:
        return False
    defined = [pq.read_table(path, columns=["series_id"])["series_id"].to_numpy() for path in paths]
    defined += (np.fromiter(log.series, np.int64, len(log.series)) for log in logs)
    ids = np.fromiter(known, np.int64, len(known))
    return not np.isin(ids, np.concatenate([np.empty(0, np.int64), *defined])).all()
