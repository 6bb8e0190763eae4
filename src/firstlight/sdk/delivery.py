"""Where records go, and within which bounds."""

from collections.abc import Callable
from dataclasses import dataclass

from firstlight.model import Resource
from firstlight.ports import Exporter
from firstlight.sdk.flow.ledger import Ledger
from firstlight.sdk.metrics.registry import MAX_LINES


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the recorder.

    Attributes:
        high_water: records that may wait for a tick before most are sampled away.
        queue_rows: rows that may wait for delivery before the oldest are dropped.
        lines: lines of one metric.
        linger_s: seconds that a row waits for company before it is delivered.
        report_interval_s: seconds between two reports of all instruments.
        exit_s: seconds that the end of the process may be held up by deliveries.
    """

    high_water: int = 30_000
    queue_rows: int = 100_000
    lines: int = MAX_LINES
    linger_s: float = 0.5
    report_interval_s: float = 5.0
    exit_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """Where records go and under whose name; both are asked for again in a forked child.

    Attributes:
        exporter: makes the exporter when there is something to deliver; may tell the ledger of rows turned down.
        resource: makes the sender's description.
    """

    exporter: Callable[[Ledger], Exporter]
    resource: Callable[[], Resource]
