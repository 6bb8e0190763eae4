"""Decides at each tick which of the taken-over records are kept; everything else is counted by reason."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from firstlight.model import Level
from firstlight.sdk.flow.ledger import Ledger, Rows
from firstlight.sdk.flow.levels import is_below
from firstlight.sdk.flow.plain import text
from firstlight.sdk.flow.site import Site
from firstlight.sdk.tracing.remote import RemoteSpan
from firstlight.sdk.tracing.spans import Span
from firstlight.sdk.volume import Volume

NS_PER_S = 1_000_000_000
MAX_SITES = 10_000
MAX_HELD_TRACES = 1000
MAX_HELD_SPANS = 256
"""Spans that are kept of one trace until its fate is known."""

_RANDOM_BITS = 56
_RANDOM_DIGITS = 14
"""The last 56 bits of a trace id are random (W3C Trace Context level 2) and decide the same in every process."""


class Sieve:
    """Applies a :class:`~firstlight.sdk.volume.Volume`; called by one thread at a time.

    Args:
        ledger: counts what is taken away.

    Attributes:
        factor: further share of what may be dropped that is kept; the governor's word.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.factor = 1.0
        self.use(Volume())
        self.silence(())

    def use(self, volume: Volume) -> None:
        """Go by ``volume`` from now on."""
        self._volume = volume
        self._events: dict[tuple[Site, Any], _Allowance] = {}
        self._traces = _Traces(self._drop)
        self._has_rules = volume.trace_ratio < 1 or bool(volume.event_ratios) or volume.site_rate_per_s > 0

    def silence(self, scopes: Iterable[str]) -> None:
        """Drop the spans of ``scopes`` and of all scopes below them."""
        self._silent = tuple(scopes)

    def heed_parents(self) -> None:
        """Ask the parents in other processes from now on: one of them does not keep its trace."""
        self._has_rules = True

    def sift(self, records: list[Any]) -> list[Any]:
        """Return the ``records`` that are kept."""
        if not self._has_rules and self.factor >= 1 and not self._silent:
            return records
        kept: list[Any] = []
        for record in records:
            if type(record) is tuple:
                if self._keeps_event(record):
                    kept.append(record)
            elif isinstance(record, Span):
                kept += self._spans(record)
            else:
                kept.append(record)
        return kept

    def close(self) -> None:
        """Drop what waits for its trace to end."""
        self._traces.close()

    def keeps_trace(self, span: Span) -> bool:
        """Return whether the trace of ``span`` is kept as things are now."""
        parent = _root(span).parent
        if isinstance(parent, RemoteSpan):
            return parent.sampled
        ratio = self._volume.trace_ratio * self.factor
        return ratio >= 1 or int(span.ids()[0][-_RANDOM_DIGITS:], 16) >= (1 - ratio) * 2**_RANDOM_BITS

    def _keeps_event(self, record: tuple[Any, ...]) -> bool:
        time_ns, site = record[0], record[1]
        rule = self._allowance(site, record[4] if site.fields is None else site.name)
        if not rule.in_time(time_ns // NS_PER_S, self._volume.site_rate_per_s):
            self._drop("rate_limited", Rows(events=1))
            return False
        if site.level >= Level.WARN or rule.in_share(self.factor):
            return True
        self._drop(self._why(), Rows(events=1))
        return False

    def _allowance(self, site: Site, name: Any) -> "_Allowance":
        key = (site, name if type(name) is str else text(name))
        found = self._events.get(key)
        if found is None:
            if len(self._events) >= MAX_SITES:
                key = (site, "")
            found = self._events.setdefault(key, _Allowance(self._ratio(site.scope, key[1])))
        return found

    def _ratio(self, scope: str, name: str) -> float:
        ratios = self._volume.event_ratios
        if (key := f"{scope}:{name}") in ratios:
            return ratios[key]
        while scope and scope not in ratios:
            scope = scope.rpartition(".")[0]
        return ratios.get(scope, 1.0)

    def is_silent(self, record: Any) -> bool:
        """Return whether ``record`` is a span of a silent scope."""
        return bool(self._silent) and isinstance(record, Span) and is_below(record.site.scope, self._silent)

    def _spans(self, span: Span) -> list[Span]:
        if self.is_silent(span):
            self._drop("filtered", Rows(spans=1))
            return []
        if self.keeps_trace(span):
            return [span]
        if self._volume.keep_failed_traces:
            return self._traces.wait(span, self._why())
        self._drop(self._why(), Rows(spans=1))
        return []

    def _why(self) -> str:
        return "sampled" if self.factor >= 1 else "overload"

    def _drop(self, reason: str, rows: Rows) -> None:
        self._ledger.recorded(rows)
        self._ledger.dropped(reason, rows)


class _Allowance:
    """What one kind of event may still do."""

    __slots__ = ("_owed", "_ratio", "_second", "_used")

    def __init__(self, ratio: float) -> None:
        self._ratio = ratio
        self._owed = 1.0 - ratio if ratio > 0 else 0.0
        self._second = 0
        self._used = 0

    def in_time(self, second: int, rate_per_s: float) -> bool:
        """Return whether this event is within the rate of its second."""
        if not rate_per_s:
            return True
        if second != self._second:
            self._second, self._used = second, 0
        self._used += 1
        return self._used <= rate_per_s

    def in_share(self, factor: float) -> bool:
        """Return whether this event is one that is kept; evenly spread, the first one always."""
        self._owed += self._ratio * factor
        if self._owed < 1:
            return False
        self._owed -= 1
        return True


class _Traces:
    """Spans of traces that the ratio took away, until it is known whether one of them failed."""

    def __init__(self, drop: Any) -> None:
        self._drop = drop
        self._held: OrderedDict[str, tuple[str, list[Span]]] = OrderedDict()
        self._failed: OrderedDict[str, None] = OrderedDict()

    def wait(self, span: Span, why: str) -> list[Span]:
        """Hold ``span``, or return all that its failure sets free."""
        trace_id = span.ids()[0]
        if trace_id in self._failed:
            return [span]
        _, held = self._held.setdefault(trace_id, (why, []))
        if _has_failed(span):
            self._held.pop(trace_id)
            _bounded_add(self._failed, trace_id)
            return [*held, span]
        held.append(span)
        if len(held) > MAX_HELD_SPANS or span is _root(span):
            self._forget(trace_id)
        elif len(self._held) > MAX_HELD_TRACES:
            self._forget(next(iter(self._held)))
        return []

    def close(self) -> None:
        """Drop all."""
        for trace_id in list(self._held):
            self._forget(trace_id)

    def _forget(self, trace_id: str) -> None:
        why, held = self._held.pop(trace_id)
        self._drop(why, Rows(spans=len(held)))


def _bounded_add(keys: OrderedDict[str, None], key: str) -> None:
    keys[key] = None
    if len(keys) > MAX_HELD_TRACES:
        keys.popitem(last=False)


def _has_failed(span: Span) -> bool:
    fate = span.outcome()
    return fate is not None and fate.status == "error"


def _root(span: Span) -> Span:
    while isinstance(span.parent, Span):
        span = span.parent
    return span
