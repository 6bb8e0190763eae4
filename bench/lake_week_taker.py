"""A process that only takes samples in, so that its memory is that of a lake and of nothing else.

``python -m bench.lake_week_taker FOLDER``.  It is sent requests: for ``SMALL_ROWS`` series, beginning with number n of
``lake_workload.definitions``, ``<q`` n, then their times in nanoseconds and their values.  In the end it says how much
memory it has had at most.
"""

import os
import struct
import sys
import time
from array import array

from bench import lake_workload as workload
from bench.lake_servers import peak_bytes
from bench.lake_workload import SERIES
from firstlight.app.lake import Lake
from firstlight.errors import Overloaded
from firstlight.model import Batch

ROWS = 500
FIRST = struct.Struct("<q")
_COLUMN_BYTES = 8 * ROWS
_WAIT_S = 0.02


def _take(folder: str) -> None:
    known = [dict(workload.definitions()[first : first + ROWS]) for first in range(0, SERIES, ROWS)]
    source = sys.stdin.buffer
    with Lake.open(folder) as lake:
        while head := source.read(FIRST.size):
            (first,) = FIRST.unpack(head)
            batch = Batch(workload.RESOURCE)
            batch.series = known[first // ROWS]
            batch.samples.series_ids = array("q", batch.series)
            batch.samples.times_ns = array("q", source.read(_COLUMN_BYTES))
            batch.samples.values = array("d", source.read(_COLUMN_BYTES))
            _append(lake, batch)
        print(peak_bytes(os.getpid()), flush=True)


def _append(lake: Lake, batch: Batch) -> None:
    while True:
        try:
            lake.append([batch])
        except Overloaded:
            time.sleep(_WAIT_S)
        else:
            return


if __name__ == "__main__":
    _take(sys.argv[1])
