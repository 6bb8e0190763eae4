"""Answers as the JSON of Prometheus' HTTP API, all numbers of an answer written at once."""

from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from firstlight.query.promql.answer import Answer
from firstlight.query.promql.answer_json import answer_data
from firstlight.query.promql.durations import NS_PER_MS
from firstlight.query.promql.numbers_text import api_text

_MS_PER_S = 1000
_FEW_POINTS = 64
_PLAIN_BELOW = 1e10
"""Arrow writes larger numbers with an exponent, the API only those from 1e21 on."""

_WHOLE_BELOW = 1e15


def answer_bytes(answer: Answer) -> bytes:
    """Return the JSON of :func:`firstlight.query.promql.answer_json.answer_data`."""
    is_plain = answer.kind in {"vector", "matrix"} and answer.histograms is None
    if not is_plain or len(answer.values) <= _FEW_POINTS:
        return msgspec.json.encode(answer_data(answer))
    points, ends = _points(answer)
    opening, closing = (b',"values":[', b"]}") if answer.kind == "matrix" else (b',"value":', b"}")
    cuts = ends[np.concatenate(([0], np.cumsum(answer.lengths)))].tolist()
    # What is cut off at the end of each piece is the comma to the next point.
    lines = [
        b'{"metric":%b%b%b%b' % (msgspec.json.encode(dict(labels)), opening, points[begin : end - 1], closing)
        for labels, (begin, end) in zip(answer.labels, pairwise(cuts), strict=True)
    ]
    return b'{"resultType":"%b","result":[%b]}' % (answer.kind.encode(), b",".join(lines))


def _same(text: str) -> Any:
    return pa.scalar(text.encode(), pa.large_binary())


def _points(answer: Answer) -> tuple[bytes, Any]:
    """Return the JSON of all points, a comma after each, and where each begins and the last one ends."""
    found = pc.binary_join_element_wise(_openings(answer), _numbers(answer.values), _same('"],'), _same(""))
    _, ends, data = found.buffers()
    return data.to_pybytes(), np.frombuffer(ends, np.int64)[: len(found) + 1]


def _openings(answer: Answer) -> Any:
    """Return what stands before the value of each point; written once when all series have the same times."""
    times_ns, lengths = answer.times_ns, answer.lengths
    count, length = len(lengths), int(lengths[0])
    is_grid = count > 1 and bool((lengths == length).all())
    if is_grid and (times_ns.reshape(count, length) == times_ns[:length]).all():
        return _times(times_ns[:length]).take(pa.array(np.tile(np.arange(length), count)))
    return _times(times_ns)


def _times(times_ns: Any) -> Any:
    seconds = pa.array(times_ns // NS_PER_MS / _MS_PER_S).cast(pa.large_string()).cast(pa.large_binary())
    return pc.binary_join_element_wise(_same("["), seconds, _same(',"'), _same(""))


def _numbers(values: Any) -> Any:
    return _texts(values).cast(pa.large_binary())


def _texts(values: Any) -> Any:
    if (values == np.trunc(values)).all() and not (np.signbit(values) & (values == 0)).any():
        return _large_numbers(values)
    texts = pa.array(values).cast(pa.large_string())
    large = ~(np.abs(values) < _PLAIN_BELOW)
    return pc.replace_with_mask(texts, pa.array(large), _large_numbers(values[large])) if large.any() else texts


def _large_numbers(values: Any) -> Any:
    is_whole = (np.abs(values) < _WHOLE_BELOW) & (values == np.trunc(values))
    texts = pa.array(np.where(is_whole, values, 0.0).astype(np.int64)).cast(pa.large_string())
    if is_whole.all():
        return texts
    others = pa.array([api_text(value) for value in values[~is_whole].tolist()], pa.large_string())
    return pc.replace_with_mask(texts, pa.array(~is_whole), others)
