"""What remote write tells of series: their labels, and what their metrics mean."""

from collections.abc import Iterable
from typing import NamedTuple

from msgspec.structs import replace

from firstlight.codecs.otlp.outcome import Refused
from firstlight.codecs.otlp.values import LABEL_MAX_CHARS, LABELS_MAX
from firstlight.codecs.remote_write_wire import parts, values_of
from firstlight.model import Kind, Series

NAME = "__name__"
METRICS_MAX = 20_000
"""Metrics whose metadata is remembered; of further ones it is not."""

_GROUPS_MAX = 32
"""Groups of series that are found as a whole."""

_LABEL = 0x0A
_KEY, _VALUE = 0x0A, 0x12
_PARTS = ("_total", "_bucket", "_count", "_sum")


class Metadata(NamedTuple):
    """What a metric means."""

    kind: Kind
    unit: str
    description: str


class Memo:
    """What is known of series and metrics.

    Attributes:
        ids: of each series, by the bytes of its labels as they stand in a request.
        series: by id.
        metadata: by metric.
    """

    __slots__ = ("_groups", "ids", "metadata", "series")

    def __init__(self, metadata: dict[str, Metadata] | None = None) -> None:
        self.ids: dict[bytes, int] = {}
        self.series: dict[int, Series] = {}
        self.metadata: dict[str, Metadata] = {} if metadata is None else metadata
        self._groups: dict[bytes, dict[int, Series]] = {}

    def __len__(self) -> int:
        return len(self.ids)

    def emptied(self) -> "Memo":
        """Return one that knows the metrics and no series."""
        return Memo(self.metadata)

    def describe(self, name: str, metadata: Metadata) -> None:
        """Remember what a metric means; series that are known already keep what was known of them."""
        if name in self.metadata or len(self.metadata) < METRICS_MAX:
            self.metadata[name] = metadata

    def find(self, labels: bytes, *, native: bool = False) -> int:
        """Return the id of the series with these labels, as they stand in a request.

        Args:
            labels: their bytes.
            native: the request has native histograms of it.

        Raises:
            Refused: no series may have such labels.
            DecodeError: they are no labels.
        """
        known = self.ids.get(labels)
        if known is not None:
            return known
        series = self._series(read_labels(parts(labels, _LABEL)))
        if native and series.kind is Kind.UNKNOWN:
            series = replace(series, kind=Kind.HISTOGRAM)
        series_id = series.id()
        self.series[series_id] = series
        self.ids[labels] = series_id
        return series_id

    def of(self, column: bytes, ids: Iterable[int]) -> dict[int, Series]:
        """Return the series ``ids`` by id.

        A sender's requests have the same series in the same order time and again, so these are found as a whole.

        Args:
            column: what tells this group of series from others: the ids of all samples.
            ids: known ones.
        """
        found = self._groups.get(column)
        if found is None:
            found = {one: self.series[one] for one in set(ids)}
            if len(self._groups) >= _GROUPS_MAX:
                self._groups.clear()
            self._groups[column] = found
        return dict(found)

    def _series(self, pairs: list[tuple[str, str]]) -> Series:
        name = next((value for key, value in pairs if key == NAME), "")
        if not name:
            raise Refused("a series has no name")
        labels = tuple((key, value) for key, value in pairs if key != NAME and value)
        return Series(name, labels, "", "", "", "value", *self._meaning(name))

    def _meaning(self, name: str) -> Metadata:
        found = self.metadata.get(name)
        if found is not None:
            return found
        for suffix in _PARTS:
            if name.endswith(suffix) and (whole := self.metadata.get(name.removesuffix(suffix))):
                return whole
        return Metadata(Kind.COUNTER if name.endswith("_total") else Kind.UNKNOWN, "", "")


def read_labels(messages: Iterable[bytes]) -> list[tuple[str, str]]:
    """Return labels, which must be sorted by name (empty values are as good as none).

    Raises:
        Refused: they are not sorted, or a name is empty or there twice, or a text is too long or no UTF-8.
        DecodeError: they are no labels.
    """
    pairs = read_pairs(messages)
    names = [name for name, _ in pairs]
    if "" in names:
        raise Refused("a label has no name")
    if len(set(names)) < len(names):
        raise Refused("a label is there twice")
    if names != sorted(names):
        raise Refused("the labels of a series are not sorted by name")
    return pairs


def read_pairs(messages: Iterable[bytes]) -> list[tuple[str, str]]:
    """Return name and value of each label; raises like :func:`read_labels`."""
    found = list(map(values_of, messages))
    if len(found) > LABELS_MAX:
        raise Refused(f"more than {LABELS_MAX} labels")
    try:
        pairs = [(label.get(_KEY, b"").decode(), label.get(_VALUE, b"").decode()) for label in found]
    except UnicodeDecodeError:
        raise Refused("a label is no UTF-8") from None
    if any(len(text) > LABEL_MAX_CHARS for pair in pairs for text in pair):
        raise Refused(f"a label is longer than {LABEL_MAX_CHARS} characters")
    return pairs
