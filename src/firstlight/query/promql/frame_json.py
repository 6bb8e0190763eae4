"""Frames from the JSON of Prometheus' HTTP API (https://prometheus.io/docs/prometheus/3.5/querying/api/)."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from firstlight.errors import DecodeError
from firstlight.query.promql.frame import Frame

_NS_PER_MS = 1_000_000
_MS_PER_S = 1000
_Point = tuple[float, float, str | None]
_POINTS = {"vector": ("value", "histogram"), "matrix": ("values", "histograms")}


def frame_from(answer: Any, query: str, span_ns: tuple[int, int]) -> Frame:
    """Return what ``answer``, the whole body of a successful answer to ``query``, says; times are whole milliseconds.

    Raises:
        DecodeError: it is no such answer.
    """
    try:
        return _frame(answer, query, span_ns)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise DecodeError(f"this is no answer of Prometheus' query API ({type(error).__name__}: {error})") from error


def _frame(answer: Any, query: str, span_ns: tuple[int, int]) -> Frame:
    data = answer["data"]
    kind, result = data["resultType"], data["result"]
    text = ""
    if kind in _POINTS:
        labels = [tuple(sorted((str(key), str(value)) for key, value in one["metric"].items())) for one in result]
        points = [_points(one, *_POINTS[kind]) for one in result]
    elif kind == "scalar":
        labels, points = [()], [[(result[0], float(result[1]), None)]]
    elif kind == "string":
        labels, points, text = [()], [[(result[0], np.nan, None)]], str(result[1])
    else:
        raise ValueError(f"unknown resultType {kind!r}")
    flat = [point for series in points for point in series]
    return Frame(
        query=query,
        kind=kind,
        labels=[] if kind == "string" else labels,
        lengths=np.array([] if kind == "string" else [len(series) for series in points], np.int64),
        times_ns=np.array([_time_ns(time_s) for time_s, _, _ in flat], np.int64),
        values=np.array([value for _, value, _ in flat], np.float64),
        histograms=_texts([text for _, _, text in flat]),
        text=text,
        span_ns=span_ns,
        warnings=tuple(map(str, answer.get("warnings", ()))),
        infos=tuple(map(str, answer.get("infos", ()))),
    )


def _points(series: Mapping[str, Any], value_key: str, histogram_key: str) -> list[_Point]:
    """Return time, value and histogram of the points of one series, by time."""
    values, histograms = series.get(value_key, []), series.get(histogram_key, [])
    if value_key == "value":
        values, histograms = ([values] if values else []), ([histograms] if histograms else [])
    found: list[_Point] = [(time_s, float(value), None) for time_s, value in values]
    native: list[_Point] = [(time_s, np.nan, json.dumps(one, separators=(",", ":"))) for time_s, one in histograms]
    return sorted([*found, *native], key=lambda point: point[0]) if native else found


def _texts(texts: Sequence[str | None]) -> Any:
    return np.array(texts, object) if any(text is not None for text in texts) else None


def _time_ns(time_s: float) -> int:
    return round(time_s * _MS_PER_S) * _NS_PER_MS
