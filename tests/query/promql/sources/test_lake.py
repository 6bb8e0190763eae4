import struct
from pathlib import Path

import numpy as np
import pytest

from firstlight.app.lake import Lake
from firstlight.codecs.otlp.values import STALE
from firstlight.errors import QueryError
from firstlight.model import CUSTOM_SCALE, Batch, ExponentialPoint, Kind, Matcher, Resource, Series
from firstlight.query.promql.engine import Engine
from firstlight.query.promql.histograms.histogram import Hint
from firstlight.query.promql.histograms.points import of_point, to_point
from firstlight.query.promql.histograms.text import text_form
from firstlight.query.promql.limits import Limits
from firstlight.query.promql.sources.lake import LakeSource
from firstlight.store.layout import Layout
from firstlight.store.reader import LakeReader
from firstlight.store.seal import Sealer

S = 10**9
NOW_NS = 1_760_000_000 * S
EVER = (0, 2 * NOW_NS)


def own(name: str, labels: dict[str, str] | None = None, **more: object) -> Series:
    pairs = tuple(sorted((labels or {}).items()))
    return Series(name, pairs, **{"service": "shop", "session_id": "s1", **more})  # type: ignore[arg-type]


def written(name: str, **labels: str) -> Series:
    return Series(name, tuple(sorted(labels.items())), kind=Kind.UNKNOWN)


def put(path: Path, *rows: tuple[Series, int, float], points: tuple[tuple[Series, ExponentialPoint], ...] = ()) -> None:
    batch = Batch(Resource("shop"))
    for series, time_ns, value in rows:
        batch.add_sample(series, time_ns, value)
    for series, point in points:
        point.series_id = series.id()
        batch.series[series.id()] = series
        batch.exponential.append(point)
    with Lake.open(path, maintain=False) as lake:
        lake.append([batch])


def point(time_ns: int, *positive: float, total: float = 1.0, **more: object) -> ExponentialPoint:
    made = ExponentialPoint(0, time_ns, sum(positive), total, 0, positive=list(positive))
    for name, value in more.items():
        setattr(made, name, value)
    return made


@pytest.fixture(params=["tail", "sealed"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> "Asked":
    return Asked(tmp_path, sealed=request.param == "sealed")


class Asked:
    """A lake that is asked after rows were put into it."""

    def __init__(self, path: Path, *, sealed: bool) -> None:
        self.path, self._sealed = path, sealed
        self.reader: LakeReader | None = None

    def put(self, *rows: tuple[Series, int, float], **more: object) -> None:
        put(self.path, *rows, **more)  # type: ignore[arg-type]
        if self._sealed:
            Sealer(Layout(self.path)).seal()

    def select(self, *matchers: tuple[str, str, str], span: tuple[int, int] = EVER) -> dict[str, list[object]]:
        self.reader = self.reader or LakeReader(Layout(self.path))
        made = [Matcher(label, op, value) for label, op, value in matchers]  # type: ignore[arg-type]
        found = LakeSource(self.reader).select(made, *span, Limits())
        ends = np.cumsum(found.lengths)
        assert len(set(found.labels)) == len(found.labels)
        return {
            shown(labels): [
                (time_ns, value if one is None else text_form(one))
                for time_ns, value, one in zip(
                    found.times_ns[end - length : end].tolist(),
                    found.values[end - length : end].tolist(),
                    [None] * int(length) if found.histograms is None else found.histograms[end - length : end],
                    strict=True,
                )
            ]
            for labels, length, end in zip(found.labels, found.lengths, ends, strict=True)
        }


def shown(labels: tuple[tuple[str, str], ...]) -> str:
    pairs = dict(labels)
    name = pairs.pop("__name__")
    return f"{name}{{{','.join(f'{key}={value}' for key, value in pairs.items())}}}"


def test_series_are_called_as_at_metrics(source: Asked) -> None:
    source.put(
        (own("shop.requests", {"http.method": "GET"}, kind=Kind.COUNTER), NOW_NS, 1.0),
        (own("shop.took", {"le": "0.5"}, kind=Kind.HISTOGRAM, field="bucket"), NOW_NS, 2.0),
        (own("shop.took", kind=Kind.HISTOGRAM, field="sum"), NOW_NS, 3.0),
        (own("shop.took", kind=Kind.HISTOGRAM, field="count"), NOW_NS, 4.0),
        (own("shop.took", kind=Kind.HISTOGRAM, field="max"), NOW_NS, 5.0),
        (own("about", {"version": "2"}, kind=Kind.INFO), NOW_NS, 1.0),
        (own("load", kind=Kind.GAUGE, scope="a.b", session_id=""), NOW_NS, 6.0),
    )
    assert set(source.select()) == {
        "shop_requests_total{http_method=GET,instance=s1,job=shop}",
        "shop_took_bucket{instance=s1,job=shop,le=0.5}",
        "shop_took_sum{instance=s1,job=shop}",
        "shop_took_count{instance=s1,job=shop}",
        "shop_took_max{instance=s1,job=shop}",
        "about_info{instance=s1,job=shop,version=2}",
        "load{job=shop,otel_scope_name=a.b}",
    }


def test_what_prometheus_wrote_keeps_its_names(source: Asked) -> None:
    source.put(
        (written("up", job="node", instance="a:1"), NOW_NS, 1.0),
        (Series("sent", (("http.code", "200"),), kind=Kind.COUNTER), NOW_NS, 2.0),
    )
    assert set(source.select()) == {"up{instance=a:1,job=node}", "sent{http.code=200}"}
    assert set(source.select(("http.code", "=", "200"))) == {"sent{http.code=200}"}


def test_series_are_found_by_the_names_shown_and_by_their_own(source: Asked) -> None:
    source.put(
        (own("requests", kind=Kind.COUNTER), NOW_NS, 1.0),
        (own("a.b", kind=Kind.GAUGE), NOW_NS, 2.0),
        (written("requests_total", job="x"), NOW_NS, 3.0),
    )
    total = {"requests_total{instance=s1,job=shop}", "requests_total{job=x}"}
    assert set(source.select(("__name__", "=", "requests_total"))) == total
    assert set(source.select(("__name__", "=", "requests"))) == {"requests{instance=s1,job=shop}"}
    assert set(source.select(("__name__", "=", "a_b"))) == {"a_b{instance=s1,job=shop}"}
    assert set(source.select(("__name__", "=", "a.b"))) == {"a.b{instance=s1,job=shop}"}
    assert set(source.select(("__name__", "=~", "requests.*"))) == total
    assert set(source.select(("__name__", "!~", "requests.*"))) == {"a_b{instance=s1,job=shop}"}
    assert set(source.select(("__name__", "!=", "a_b"), ("__name__", "=~", ".+"))) == total
    assert source.select(("__name__", "=", "nothing")) == {}


@pytest.mark.parametrize(
    ("matcher", "expected"),
    [
        (("job", "=", "shop"), "ab"),
        (("job", "!=", "shop"), "cd"),
        (("job", "=", ""), "d"),
        (("job", "!=", ""), "abc"),
        (("job", "=~", "sh.*|node"), "abc"),
        (("job", "!~", "sh.*"), "cd"),
        (("instance", "=", "s1"), "ab"),
        (("instance", "=", ""), "cd"),
        (("http_method", "=", "GET"), "ac"),
        (("http_method", "=", ""), "bd"),
        (("http_method", "!=", "GET"), "bd"),
    ],
)
def test_matchers_see_the_labels_shown(source: Asked, matcher: tuple[str, str, str], expected: str) -> None:
    source.put(
        (own("a", {"http.method": "GET"}), NOW_NS, 1.0),
        (own("b"), NOW_NS, 1.0),
        (written("c", job="node", http_method="GET"), NOW_NS, 1.0),
        (written("d"), NOW_NS, 1.0),
    )
    assert "".join(sorted(name[0] for name in source.select(matcher))) == expected


def test_the_beginning_is_left_out_and_the_end_is_not(source: Asked) -> None:
    up = written("up")
    source.put(*((up, NOW_NS + second * S, float(second)) for second in range(4)))
    found = source.select(span=(NOW_NS, NOW_NS + 2 * S))
    assert found == {"up{}": [(NOW_NS + S, 1.0), (NOW_NS + 2 * S, 2.0)]}


def test_two_series_of_one_shown_name_are_one(source: Asked) -> None:
    source.put((own("a.b"), NOW_NS, 1.0), (own("a_b"), NOW_NS + S, 2.0), (own("a.b"), NOW_NS + 2 * S, 3.0))
    assert list(source.select().values()) == [[(NOW_NS, 1.0), (NOW_NS + S, 2.0), (NOW_NS + 2 * S, 3.0)]]


def test_stale_markers_come_bit_for_bit(source: Asked) -> None:
    source.put((written("up"), NOW_NS, 1.0), (written("up"), NOW_NS + S, STALE))
    (samples,) = source.select().values()
    assert struct.pack("<d", samples[1][1]) == struct.pack("<d", STALE)  # type: ignore[index]


def test_native_histograms_come_with_the_floats_of_their_series(source: Asked) -> None:
    took = written("took")
    source.put(
        (took, NOW_NS, 7.0),
        (written("up"), NOW_NS, 1.0),
        points=(
            (took, point(NOW_NS + S, 1, 0, 2, total=5.0, zero_count=3, zero_threshold=0.25, count=6, hint=2)),
            (took, point(NOW_NS + 2 * S, 0.5, 1.0, count=1.5)),
            (took, point(NOW_NS + 3 * S, 1, 2, scale=CUSTOM_SCALE, bounds=[5.0])),
            (took, point(NOW_NS + 4 * S, total=STALE)),
        ),
    )
    found = source.select()
    assert found["took{}"][:4] == [
        (NOW_NS, 7.0),
        (NOW_NS + S, "{count:6, sum:5, [-0.25,0.25]:3, (1,2]:1, (4,8]:2}"),
        (NOW_NS + 2 * S, "{count:1.5, sum:1, (1,2]:0.5, (2,4]:1}"),
        (NOW_NS + 3 * S, "{count:3, sum:1, [-Inf,5]:1, (5,+Inf]:2}"),
    ]
    assert struct.pack("<d", found["took{}"][4][1]) == struct.pack("<d", STALE)  # type: ignore[index]
    assert found["up{}"] == [(NOW_NS, 1.0)]
    assert set(source.select(span=(NOW_NS, NOW_NS + S))) == {"took{}"}


def test_the_later_written_histogram_counts(source: Asked) -> None:
    took = written("took")
    source.put(points=((took, point(NOW_NS, 1)),))
    source.put(points=((took, point(NOW_NS, 2)),))
    assert source.select() == {"took{}": [(NOW_NS, "{count:2, sum:1, (1,2]:2}")]}


def test_series_that_come_later_are_found(source: Asked) -> None:
    source.put((written("up"), NOW_NS, 1.0))
    assert set(source.select(("__name__", "=", "up"))) == {"up{}"}
    source.put((own("later.on"), NOW_NS, 1.0))
    assert set(source.select(("__name__", "=", "later_on"))) == {"later_on{instance=s1,job=shop}"}


def test_a_query_over_a_lake(source: Asked) -> None:
    took = written("took", pod="a")
    rows = [(own("hits", kind=Kind.COUNTER), NOW_NS + second * S, float(second)) for second in range(0, 300, 10)]
    points = tuple((took, point(NOW_NS + second * S, second, count=second)) for second in range(10, 300, 10))
    source.put(*rows, points=points)
    engine = Engine(LakeSource(LakeReader(Layout(source.path))))
    assert engine.instant("sum by (job) (rate(hits_total[2m]))", NOW_NS + 290 * S).values.tolist() == pytest.approx([1])
    counted = engine.instant("histogram_count(rate(took[2m]))", NOW_NS + 290 * S)
    assert counted.values.tolist() == pytest.approx([1])
    assert counted.labels == [(("pod", "a"),)]


def test_limits_hold(tmp_path: Path) -> None:
    put(tmp_path, *((written("up"), NOW_NS + second, 1.0) for second in range(50)))
    with pytest.raises(QueryError, match="too many samples"):
        LakeSource(LakeReader(Layout(tmp_path))).select([Matcher("__name__", "=", "up")], *EVER, Limits(10))


def test_a_histogram_is_the_same_after_a_lake(tmp_path: Path) -> None:
    for given in (
        point(NOW_NS, 1, 0, 2, zero_count=1, zero_threshold=0.5, negative=[3], negative_offset=-4, positive_offset=7),
        point(NOW_NS, 1, 2, scale=CUSTOM_SCALE, bounds=[1.0], hint=3),
    ):
        histogram = of_point(given)
        assert not isinstance(histogram, float)
        back = to_point(histogram, 5, NOW_NS)
        assert (back.series_id, back.positive_offset, list(back.positive)) == (5, given.positive_offset, given.positive)
        assert (back.negative_offset, list(back.negative)) == (given.negative_offset, given.negative)
        assert histogram.hint is Hint(given.hint)
        again = of_point(back)
        assert not isinstance(again, float)
        assert text_form(again) == text_form(histogram)
