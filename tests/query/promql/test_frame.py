import json
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from firstlight.errors import DecodeError, QueryFailed
from firstlight.query.promql.answer_bytes import answer_bytes
from firstlight.query.promql.engine import Engine
from firstlight.query.promql.frame import Frame, frame_of
from firstlight.query.promql.frame_json import frame_from
from firstlight.query.promql.sources.memory import MemorySource
from tests.query.promql.native import exponential

S = 10**9
NOW_NS = 1_760_000_000 * S
SPAN_NS = (NOW_NS, NOW_NS + 120 * S)


@pytest.fixture
def engine() -> Engine:
    held = MemorySource()
    held.add({"__name__": "load", "cpu": "0"}, [(NOW_NS + 60 * step * S, 1.5 + step) for step in range(3)])
    held.add({"__name__": "load", "cpu": "1", "zone": "<b>"}, [(NOW_NS + 60 * S, 7.0)])
    held.add({"__name__": "took"}, [(NOW_NS, exponential(1, [1, 2], total=4.0)), (NOW_NS + 60 * S, 3.0)])
    return Engine(held)


def ranged(engine: Engine, query: str) -> Frame:
    return frame_of(engine.range(query, *SPAN_NS, 60 * S), query, SPAN_NS)


def instant(engine: Engine, query: str, time_ns: int = NOW_NS + 60 * S) -> Frame:
    return frame_of(engine.instant(query, time_ns), query, (time_ns, time_ns))


def moment(step: int) -> datetime:
    return datetime.fromtimestamp(NOW_NS // S + 60 * step, UTC)


def test_the_long_form_has_a_row_for_each_point(engine: Engine) -> None:
    frame = ranged(engine, "load")
    table = frame.arrow()
    assert table.column_names == ["time", "__name__", "cpu", "zone", "value"]
    assert table.schema.field("time").type == pa.timestamp("ns", "UTC")
    assert len(frame) == table.num_rows == 5
    assert frame.dicts()[2:4] == [
        {"time": moment(2), "__name__": "load", "cpu": "0", "zone": "", "value": 3.5},
        {"time": moment(1), "__name__": "load", "cpu": "1", "zone": "<b>", "value": 7.0},
    ]


def test_the_wide_form_has_a_column_for_each_series(engine: Engine) -> None:
    table = ranged(engine, "load").arrow(wide=True)
    assert table.column_names == ["time", 'load{cpu="0"}', 'load{cpu="1", zone="<b>"}']
    assert table.columns[1].to_pylist() == [1.5, 2.5, 3.5]
    assert table.columns[2].to_pylist() == [None, 7.0, 7.0]
    assert ranged(engine, "sum(load)").arrow(wide=True).column_names == ["time", "value"]


def test_a_label_called_as_a_column_is_renamed(engine: Engine) -> None:
    frame = instant(engine, 'label_replace(count_values("value", load{cpu="1"}), "time", "then", "", "")')
    assert frame.dicts() == [{"time": moment(1), "label_time": "then", "label_value": "7", "value": 1.0}]


def test_pandas_has_times_and_floats(engine: Engine) -> None:
    long = ranged(engine, "load").pandas()
    assert str(long.dtypes["time"]) == "datetime64[ns, UTC]"
    assert str(long.dtypes["value"]) == "float64"
    assert long.groupby("zone")["value"].sum().to_dict() == {"": 7.5, "<b>": 14.0}
    wide = ranged(engine, "load").pandas(wide=True)
    assert wide.index.name == "time"
    assert wide.iloc[:, 1].isna().tolist() == [True, False, False]


def test_polars_has_the_same(engine: Engine) -> None:
    assert ranged(engine, "load").polars()["value"].to_list() == [1.5, 2.5, 3.5, 7.0, 7.0]
    assert ranged(engine, "load").polars(wide=True).height == 3


def test_scalars_and_strings(engine: Engine) -> None:
    assert instant(engine, "1 + 1").dicts() == [{"time": moment(1), "value": 2.0}]
    assert instant(engine, '"word"').dicts() == [{"time": moment(1), "value": "word"}]
    assert instant(engine, '"word"').arrow(wide=True).num_rows == 1
    assert repr(instant(engine, '"word"')).splitlines()[1:] == ["value", "word"]


def test_histograms_are_json_beside_values(engine: Engine) -> None:
    frame = ranged(engine, "took")
    first, second, _ = frame.dicts()
    assert first["value"] is None
    assert json.loads(first["histogram"])["count"]
    assert (second["value"], second["histogram"]) == (3.0, None)
    with pytest.raises(QueryFailed, match="histogram_quantile"):
        frame.arrow(wide=True)
    assert len(frame.plot().lines[0].finite) == 2
    assert "count" in repr(instant(engine, "took", NOW_NS))


def test_nothing_found_is_an_empty_table(engine: Engine) -> None:
    for frame in (instant(engine, "nothing"), ranged(engine, "nothing")):
        assert frame.arrow().num_rows == frame.arrow(wide=True).num_rows == len(frame) == 0
        assert "0 series" in repr(frame)
        assert "0 series" in frame._repr_html_()
        assert "no value" in repr(frame.plot())


def test_a_terminal_sees_a_row_for_each_series(engine: Engine) -> None:
    lines = repr(ranged(engine, "load")).splitlines()
    assert lines[0].startswith("matrix of load: 2 series, 5 points, 2025-10-09T08:53:20Z to ")
    assert lines[1].split() == ["series", "points", "last", "min", "max"]
    assert lines[2].split() == ['load{cpu="0"}', "3", "3.5", "1.5", "3.5"]


def test_a_notebook_sees_a_chart_and_a_table_and_no_tags_of_labels(engine: Engine) -> None:
    shown = ranged(engine, "load")._repr_html_()
    assert "<svg" in shown
    assert "<table>" in shown
    assert "<b>" not in shown
    assert "&lt;b&gt;" in shown
    assert "<svg" not in instant(engine, "load")._repr_html_()


def test_many_series_are_counted(engine: Engine) -> None:
    frame = instant(
        engine, " or ".join(f'label_replace(vector({number}), "n", "{number}", "", "")' for number in range(30))
    )
    assert repr(frame).splitlines()[-1] == "and 10 more"
    assert "10 more are not drawn" in repr(frame.plot())


def test_warnings_are_shown(engine: Engine) -> None:
    frame = ranged(engine, "rate(load[2m])")
    assert frame.infos
    assert f"info: {frame.infos[0]}" in repr(frame)


@pytest.mark.parametrize("query", ["load", "took", "1", "load / 0", "nothing", "rate(load[2m])"])
def test_json_of_the_api_makes_the_same_frame(engine: Engine, query: str) -> None:
    for answer, span_ns in (
        (engine.range(query, *SPAN_NS, 60 * S), SPAN_NS),
        (engine.instant(query, NOW_NS), (NOW_NS, NOW_NS)),
    ):
        notes = {"warnings": list(answer.warnings), "infos": list(answer.infos)}
        body = {"status": "success", "data": json.loads(answer_bytes(answer)), **notes}
        read, made = frame_from(body, query, span_ns), frame_of(answer, query, span_ns)
        assert read.arrow().equals(made.arrow())
        assert (read.kind, read.labels, repr(read)) == (made.kind, made.labels, repr(made))
        assert np.array_equal(read.lengths, made.lengths)


def test_a_string_comes_back(engine: Engine) -> None:
    answer = engine.instant('"word"', NOW_NS)
    read = frame_from({"data": json.loads(answer_bytes(answer))}, '"word"', (NOW_NS, NOW_NS))
    assert read.dicts() == [{"time": moment(0), "value": "word"}]


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"data": {"resultType": "graph", "result": []}},
        {"data": {"resultType": "vector", "result": [{}]}},
        {"data": {"resultType": "scalar", "result": [0, "many"]}},
        {"data": {"resultType": "matrix", "result": 7}},
    ],
)
def test_what_is_no_answer_is_refused(body: object) -> None:
    with pytest.raises(DecodeError, match="no answer"):
        frame_from(body, "up", (0, 0))
