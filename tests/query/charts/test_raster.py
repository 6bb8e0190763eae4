import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from firstlight.query.charts.raster import Raster


def test_dots_become_braille() -> None:
    raster = Raster(1, 1)
    raster.draw(0, [0.0], [1.0])
    assert raster.characters() == [["⠁"]]
    raster.draw(1, [1.0], [0.0])
    assert raster.characters() == [["⢁"]]
    assert raster.owners.tolist() == [[1]]
    raster.draw(0, [0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 1.0, 0.0])
    assert raster.characters() == [["⣿"]]


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=6))
def test_a_line_has_no_hole(points: list[tuple[float, float]]) -> None:
    across, up = np.array(points).T
    raster = Raster(30, 10, ascii_only=True)
    raster.draw(0, across, up)
    rows, columns = np.nonzero(raster.owners == 0)
    reached, waiting = set[tuple[int, int]](), [(int(rows[0]), int(columns[0]))]
    dots = set(zip(rows.tolist(), columns.tolist(), strict=True))
    while waiting:
        row, column = waiting.pop()
        if (row, column) in dots - reached:
            reached.add((row, column))
            waiting += [(row + down, column + right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    assert reached == dots
