import math
from xml.etree import ElementTree as ET

import pytest

from tests.query.charts.drawn import chart

SVG = "{http://www.w3.org/2000/svg}"


def curves(svg: str) -> list[ET.Element]:
    return [path for path in ET.fromstring(svg).iter(f"{SVG}path") if path.find(f"{SVG}title") is not None]


def test_each_line_is_a_path_with_its_name() -> None:
    found = curves(chart([1.0, 2.0, 3.0], [3.0, 2.0, 1.0]).svg())
    assert [path.findtext(f"{SVG}title") for path in found] == ['{cpu="0"}', '{cpu="1"}']
    assert len({path.get("stroke") for path in found}) == 2
    assert found[0].get("d") == "M64.0,218.8L406.0,123.0L748.0,27.2"


def test_a_gap_begins_a_new_stretch() -> None:
    (path,) = curves(chart([1.0, 2.0, math.nan, 1.0, 2.0]).svg())
    assert (path.get("d") or "").count("M") == 2


def test_axes_say_values_and_times() -> None:
    texts = [text.text for text in ET.fromstring(chart([0.0, 0.5], unit="%").svg()).iter(f"{SVG}text")]
    assert {"0%", "60%", "12:00:00", "UTC"} <= set(texts)


def test_bars_are_rectangles() -> None:
    root = ET.fromstring(chart([10.0], [5.0], bars=True).svg())
    wide, half = [float(one.get("width") or 0) for one in root.iter(f"{SVG}rect")]
    assert wide == pytest.approx(2 * half, abs=0.2)


@pytest.mark.parametrize("bars", [False, True])
def test_names_are_text_and_never_tags(bars: bool) -> None:
    made = chart([1.0], title="<script>x</script>", bars=bars)
    figure = made._repr_html_()
    assert "<script" not in figure
    assert "&lt;script&gt;" in figure
    ET.fromstring(made.svg())


def test_nothing_comes_from_elsewhere() -> None:
    figure = chart([1.0, 2.0])._repr_html_().replace("http://www.w3.org/2000/svg", "")
    assert not any(word in figure for word in ("http", "url(", "src=", "<script", "@import"))


def test_a_chart_of_nothing_says_so() -> None:
    assert "no value" in chart()._repr_html_()
    assert "3 more are not drawn" in chart([1.0], more=3)._repr_html_()
