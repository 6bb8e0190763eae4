from hypothesis import given
from hypothesis import strategies as st

from firstlight.stats.tally import READINGS, Tally, together

VALUES = st.lists(st.integers(-1000, 1000), min_size=1)


def tally_of(values: list[int]) -> Tally:
    tally = Tally()
    for value in values:
        tally.add(value)
    return tally


@given(st.lists(VALUES, min_size=1))
def test_pieces_together_say_what_the_whole_says(pieces: list[list[int]]) -> None:
    values = [value for piece in pieces for value in piece]
    said = {name: read(together(map(tally_of, pieces))) for name, read in READINGS.items()}
    assert said == {
        "MEAN": sum(values) / len(values),
        "SUM": sum(values),
        "MIN": min(values),
        "MAX": max(values),
        "COUNT": len(values),
        "LAST": values[-1],
    }


def test_an_empty_piece_changes_nothing() -> None:
    whole = together([tally_of([3, 5]), Tally()])
    assert (whole.count, whole.total, whole.least, whole.greatest, whole.last) == (2, 8, 3, 5, 5)
