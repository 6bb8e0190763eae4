from firstlight.model import Kind, Series
from firstlight.store.index import SeriesIndex

ZERO = Series("cpu", (("core", "0"), ("mode", "user")), service="host")
ONE = Series("cpu", (("core", "1"), ("mode", "user")), service="host")
MEMORY = Series("memory", (), service="host")


def index(*series: Series) -> SeriesIndex:
    made = SeriesIndex()
    made.add((one.id(), one) for one in series)
    return made


def test_series_are_found_by_name_field_and_labels() -> None:
    found = index(ZERO, ONE, MEMORY)
    assert set(found.select("cpu", "value", {}).values()) == {ZERO, ONE}
    assert list(found.select("cpu", "value", {"core": "1", "mode": "user"}).values()) == [ONE]
    assert found.select("cpu", "bucket", {}) == {}
    assert found.select("cpu", "value", {"core": "7"}) == {}
    assert found.select("disk", "value", {}) == {}


def test_rows_follow_what_is_added_in_any_number_of_steps() -> None:
    made = SeriesIndex()
    for n in range(100):
        series = Series("n", (("n", str(n)),))
        made.add([(series.id(), series)])
        assert made.table().num_rows == n + 1
    assert [dict(labels)["n"] for labels in made.table()["labels"].to_pylist()] == [str(n) for n in range(100)]


def test_the_same_series_again_changes_nothing() -> None:
    made = index(ZERO, ZERO, Series(ZERO.name, ZERO.labels, "host", kind=Kind.COUNTER, unit="s"))
    assert len(made) == 1
    assert made.collisions == 0


def test_two_series_with_one_identity_are_counted_and_the_first_stays() -> None:
    made = SeriesIndex()
    made.add([(7, ZERO), (7, ONE)])
    assert made.collisions == 1
    assert made.all()[7] == ZERO


def test_a_collision_is_seen_whenever_it_comes() -> None:
    made = SeriesIndex()
    made.add([(7, ZERO)])
    for again in range(3):
        made.add([(7, ZERO), (7, ONE)])
        assert made.collisions == again + 1
    assert made.all()[7] == ZERO
