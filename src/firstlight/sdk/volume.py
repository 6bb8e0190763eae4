"""How much is recorded: what a host declares about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

WhenFull = Literal["sample", "drop_oldest", "wait"]


@dataclass(frozen=True, slots=True)
class Volume:
    """Rules that keep the amount of telemetry within bounds; whatever they take away is counted by reason.

    The shares and the budgets take no event from warning level up, and no span that failed.

    Attributes:
        trace_ratio: share of the traces that are kept, with all of their spans; a remote parent decides for its own.
        keep_failed_traces: keep a whole trace in which a span failed, though the ratio took it away.
        event_ratios: share of the events that are kept, by ``scope`` or ``scope:event name``; the longest fit decides.
        site_rate_per_s: events a second of one name in one scope, above which the rest of that second is dropped;
            0 is no limit.
        overhead_ratio: share of one core's time that recording may take before it keeps less; 0 is no limit.
        busy_load_ratio: the machine's load average over its cores above which less is kept; 0 is no limit.
        when_full: what gives way when records come faster than they can be taken over: most of them (a sample is
            kept), the oldest, or the host, which then waits.
    """

    trace_ratio: float = 1.0
    keep_failed_traces: bool = True
    event_ratios: Mapping[str, float] = field(default_factory=dict)
    site_rate_per_s: float = 0.0
    overhead_ratio: float = 0.0
    busy_load_ratio: float = 0.0
    when_full: WhenFull = "sample"
