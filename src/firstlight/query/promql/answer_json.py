"""Answers as the data of Prometheus' HTTP API (https://prometheus.io/docs/prometheus/3.5/querying/api/)."""

from collections.abc import Iterator
from typing import Any

from firstlight.query.promql.answer import Answer
from firstlight.query.promql.histograms.text import api_form
from firstlight.query.promql.language.durations import NS_PER_MS
from firstlight.query.promql.language.numbers import api_text, number_text

_MS_PER_S = 1000


def answer_data(answer: Answer) -> dict[str, Any]:
    """Return ``resultType`` and ``result``; numbers are texts, times are seconds to the millisecond."""
    if answer.kind == "string":
        return {"resultType": "string", "result": [time_s(answer.time_ns), answer.text]}
    if answer.kind == "scalar":
        moment, value = time_s(int(answer.times_ns[0])), float(answer.values[0])
        return {"resultType": "scalar", "result": [moment, number_text(value)]}
    lines = _vector(answer) if answer.kind == "vector" else _matrix(answer)
    return {"resultType": answer.kind, "result": list(lines)}


def time_s(time_ns: int) -> float | int:
    """Return seconds to the millisecond."""
    ms = time_ns // NS_PER_MS
    return ms / _MS_PER_S if ms % _MS_PER_S else ms // _MS_PER_S


def _floats(answer: Answer) -> Iterator[list[Any]]:
    for time_ns, value in zip(answer.times_ns.tolist(), answer.values.tolist(), strict=True):
        yield [time_s(time_ns), api_text(value)]


def _histogram(answer: Answer, at: int) -> list[Any]:
    return [time_s(int(answer.times_ns[at])), api_form(answer.histograms[at])]


def _vector(answer: Answer) -> Iterator[dict[str, Any]]:
    for at, (labels, point) in enumerate(zip(answer.labels, _floats(answer), strict=True)):
        if answer.histograms is not None and answer.histograms[at] is not None:
            yield {"metric": dict(labels), "histogram": _histogram(answer, at)}
        else:
            yield {"metric": dict(labels), "value": point}


def _matrix(answer: Answer) -> Iterator[dict[str, Any]]:
    points = list(_floats(answer))
    end = 0
    for labels, length in zip(answer.labels, answer.lengths.tolist(), strict=True):
        begin, end = end, end + length
        line: dict[str, Any] = {"metric": dict(labels)}
        if answer.histograms is None:
            line["values"] = points[begin:end]
        else:
            native = [at for at in range(begin, end) if answer.histograms[at] is not None]
            floats = [points[at] for at in range(begin, end) if answer.histograms[at] is None]
            line.update({"values": floats} if floats else {})
            line.update({"histograms": [_histogram(answer, at) for at in native]} if native else {})
        yield line
