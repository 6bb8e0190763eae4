import json
import math

import numpy as np
import pytest

from firstlight.query.promql.answer import Answer
from firstlight.query.promql.answer_bytes import answer_bytes, answer_pieces
from firstlight.query.promql.answer_json import answer_data

ODD = [
    1e10,
    16_000_000_000.0,
    1e10 + 0.5,
    math.nan,
    math.inf,
    -math.inf,
    -0.0,
    0.0,
    1e15,
    1e16,
    123456789012345680.0,
    1e20,
    1e21,
    1e-6,
    1e-7,
    5e-324,
    0.1,
]


@pytest.mark.parametrize("kind", ["vector", "matrix"])
def test_bytes_say_what_the_data_say(kind: str) -> None:
    rng = np.random.default_rng(4)
    numbers = rng.integers(0, 2**63, 300, dtype=np.int64).view(np.float64)
    values = np.concatenate((ODD, numbers, rng.normal(0, 10, 300), -(np.float64(10.0) ** rng.integers(-30, 30, 300))))
    count = len(values)
    lengths = np.ones(count, np.int64) if kind == "vector" else np.array([1, 13, 700, count - 714])
    labels = [(("__name__", 'a"b'), ("n", f"é{at}")) for at in range(len(lengths))]
    times_ns = rng.integers(0, 2_000_000_000_000, count) * 10**6
    answer = Answer(kind, labels, lengths, times_ns, values)  # type: ignore[arg-type]
    assert json.loads(answer_bytes(answer)) == json.loads(json.dumps(answer_data(answer)))


def test_series_of_the_same_times_are_written_alike() -> None:
    values = np.arange(300.0) / 7
    times_ns = np.tile(np.arange(100) * 1_500_000_000, 3)
    labels = [(("n", str(at)),) for at in range(3)]
    answer = Answer("matrix", labels, np.full(3, 100), times_ns, values)
    assert json.loads(answer_bytes(answer)) == answer_data(answer)


def test_an_answer_of_nothing_is_written() -> None:
    nothing = np.empty(0, np.int64)
    assert answer_bytes(Answer("matrix", [], nothing, nothing, np.empty(0))) == b'{"resultType":"matrix","result":[]}'


@pytest.mark.parametrize("most", [1, 7, 100, 350])
def test_pieces_come_to_the_whole(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    lengths = np.array([1, 50, 0, 200, 99], np.int64)
    values, times_ns = np.arange(350) / 7, np.arange(350) * 10**9
    answer = Answer("matrix", [(("n", str(at)),) for at in range(5)], lengths, times_ns, values)
    monkeypatch.setattr("firstlight.query.promql.answer_bytes._POINTS_AT_ONCE", most)
    pieces = list(answer_pieces(answer))
    assert json.loads(b"".join(pieces)) == answer_data(answer)
    assert (len(pieces) > 3) == (most < 350)
