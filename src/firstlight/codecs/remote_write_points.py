"""The fields of a series in remote write 1.0, beside its labels; and metadata.

Source: github.com/prometheus/prometheus/blob/main/prompb/types.proto.  A field that is missing is 0.
"""

from firstlight.codecs.otlp.outcome import REASONS_MAX
from firstlight.codecs.remote_write_histograms import read_histogram
from firstlight.codecs.remote_write_series import Memo, Metadata, read_pairs
from firstlight.codecs.remote_write_wire import parts, time_ns_of, values_of
from firstlight.model import Batch, Exemplar, Kind, Resource

LABEL, SAMPLE, EXEMPLAR, HISTOGRAM = 0x0A, 0x12, 0x1A, 0x22
"""Tags of a series' fields."""

_SAMPLE_VALUE, _SAMPLE_TIME = 0x09, 0x10
_EXEMPLAR_VALUE, _EXEMPLAR_TIME = 0x11, 0x18
_TYPE, _METRIC, _HELP, _UNIT = 0x08, 0x12, 0x22, 0x2A
_KINDS = (
    Kind.UNKNOWN,
    Kind.COUNTER,
    Kind.GAUGE,
    Kind.HISTOGRAM,
    Kind.HISTOGRAM,
    Kind.SUMMARY,
    Kind.INFO,
    Kind.STATESET,
)


class Written:
    """The content of one request.

    Attributes:
        batch: what can be kept: samples, points of histograms, exemplars.
        rejected: how many of these cannot; of a series that has none, 1.
        reasons: why, at most :data:`~firstlight.codecs.otlp.outcome.REASONS_MAX` different ones.
    """

    __slots__ = ("batch", "reasons", "rejected")

    def __init__(self) -> None:
        self.batch = Batch(Resource())
        self.rejected = 0
        self.reasons: list[str] = []

    def refuse(self, reason: str, items: int = 1) -> None:
        """Count ``items`` that cannot be kept."""
        self.rejected += items
        if len(self.reasons) < REASONS_MAX and reason not in self.reasons:
            self.reasons.append(reason)


def add_point(written: Written, series_id: int, tag: int, content: bytes) -> None:
    """Add one field of a series; labels and fields that are unknown are passed over.

    Raises:
        Refused: it cannot be kept.
        DecodeError: it is no such field.
    """
    if tag == SAMPLE:
        found = values_of(content)
        time_ns = time_ns_of(found.get(_SAMPLE_TIME, 0))
        written.batch.samples.add(series_id, time_ns, found.get(_SAMPLE_VALUE, 0.0))
    elif tag == EXEMPLAR:
        written.batch.exemplars.append(_exemplar(series_id, content))
    elif tag == HISTOGRAM:
        written.batch.exponential.append(read_histogram(series_id, content))


def read_metadata(message: bytes, memo: Memo) -> None:
    """Remember what a ``MetricMetadata`` says.

    Raises:
        DecodeError: it is none.
    """
    found = values_of(message)
    number = found.get(_TYPE, 0)
    kind = _KINDS[number] if number < len(_KINDS) else Kind.UNKNOWN
    name, about, unit = (found.get(tag, b"").decode("utf-8", "replace") for tag in (_METRIC, _HELP, _UNIT))
    memo.describe(name, Metadata(kind, unit, " ".join(about.split())))


def _exemplar(series_id: int, content: bytes) -> Exemplar:
    pairs, found = dict(read_pairs(parts(content, LABEL))), values_of(content)
    ids = pairs.pop("trace_id", ""), pairs.pop("span_id", "")
    time_ns, value = time_ns_of(found.get(_EXEMPLAR_TIME, 0)), found.get(_EXEMPLAR_VALUE, 0.0)
    return Exemplar(series_id, time_ns, value, *ids, tuple(sorted(pairs.items())))
