"""Answers as the JSON of Prometheus' HTTP API, many numbers written at once."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from firstlight.query.promql.answer import Answer
from firstlight.query.promql.answer_json import answer_data
from firstlight.query.promql.language.durations import NS_PER_MS
from firstlight.query.promql.language.numbers import api_text

_MS_PER_S = 1000
_FEW_POINTS = 64
_POINTS_AT_ONCE = 200_000
_PLAIN_FROM, _PLAIN_BELOW = 1e-6, 1e10
"""Arrow writes larger numbers with an exponent, the API only those from 1e21 on; to smaller ones the API gives an
exponent of two digits at least."""

_WHOLE_BELOW = 1e15


def answer_bytes(answer: Answer) -> bytes:
    """Return the JSON of :func:`firstlight.query.promql.answer_json.answer_data`."""
    return b"".join(answer_pieces(answer))


def answer_pieces(answer: Answer) -> Iterator[bytes]:
    """Yield :func:`answer_bytes` in pieces, so that who passes them on never holds it twice."""
    is_plain = answer.kind in {"vector", "matrix"} and answer.histograms is None
    if not is_plain or len(answer.values) <= _FEW_POINTS:
        yield msgspec.json.encode(answer_data(answer))
        return
    ends = np.cumsum(answer.lengths)
    comma = b'{"resultType":"%b","result":[' % answer.kind.encode()
    first = 0
    while first < len(answer):
        before = int(ends[first - 1]) if first else 0
        end = max(int(np.searchsorted(ends, before + _POINTS_AT_ONCE, "right")), first + 1)
        yield comma
        yield b",".join(_lines(answer, slice(first, end), slice(before, int(ends[end - 1]))))
        comma, first = b",", end
    yield b"]}"


def _lines(answer: Answer, series: slice, points: slice) -> Iterator[bytes]:
    """Yield the JSON of each of some series, whose points lie at ``points``."""
    text, ends = _points(answer.times_ns[points], answer.values[points], answer.lengths[series])
    opening, closing = (b',"values":[', b"]}") if answer.kind == "matrix" else (b',"value":', b"}")
    cuts = ends[np.concatenate(([0], np.cumsum(answer.lengths[series])))].tolist()
    # What is cut off at the end of each piece is the comma to the next point.
    for labels, (begin, end) in zip(answer.labels[series], pairwise(cuts), strict=True):
        written = text[begin : max(end - 1, begin)]
        yield b'{"metric":%b%b%b%b' % (msgspec.json.encode(dict(labels)), opening, written, closing)


def _same(text: str) -> Any:
    return pa.scalar(text.encode(), pa.large_binary())


def _points(times_ns: Any, values: Any, lengths: Any) -> tuple[bytes, Any]:
    """Return the JSON of points, a comma after each, and where each begins and the last one ends."""
    found = pc.binary_join_element_wise(_openings(times_ns, lengths), _numbers(values), _same('"],'), _same(""))
    _, ends, data = found.buffers()
    return data.to_pybytes(), np.frombuffer(ends, np.int64)[: len(found) + 1]


def _openings(times_ns: Any, lengths: Any) -> Any:
    """Return what stands before the value of each point; written once when all series have the same times."""
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
    sizes = np.abs(values)
    if ((sizes < _PLAIN_FROM) & (sizes > 0)).any():
        texts = pc.replace_substring_regex(texts, r"e-(\d)$", r"e-0\1")
    large = ~(sizes < _PLAIN_BELOW)
    return pc.replace_with_mask(texts, pa.array(large), _large_numbers(values[large])) if large.any() else texts


def _large_numbers(values: Any) -> Any:
    is_whole = (np.abs(values) < _WHOLE_BELOW) & (values == np.trunc(values))
    texts = pa.array(np.where(is_whole, values, 0.0).astype(np.int64)).cast(pa.large_string())
    if is_whole.all():
        return texts
    others = pa.array([api_text(value) for value in values[~is_whole].tolist()], pa.large_string())
    return pc.replace_with_mask(texts, pa.array(~is_whole), others)
