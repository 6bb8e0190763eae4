"""A program that records at a rate, by way of a spool: ``python outage_client.py URL DIRECTORY EVENTS PER_S [WAIT]``.

It prints its counts as JSON.  With ``WAIT`` it does not end by itself but says when everything is on disk.  Its queue
has room for each: a receiver that is slow, as on a busy machine, costs none of them; one that is away is what counts.
"""

import json
import sys
import time
from typing import Any

from firstlight.export.otlp import OtlpExporter
from firstlight.export.spool import SpoolExporter
from firstlight.model import Resource
from firstlight.sdk.client import Delivery, Limits, Telemetry
from firstlight.sdk.flow.ledger import Ledger, Rows


def spooled(url: str, directory: str, ledger: Ledger) -> SpoolExporter:
    def moved(what: str, counts: tuple[int, int, int]) -> None:
        events, spans, samples = counts
        if what == "held":
            ledger.exported(Rows(-events, -spans, -samples))
        elif what == "delivered":
            ledger.exported(Rows(*counts))
        elif what == "adopted":
            ledger.recorded(Rows(*counts))
        else:
            ledger.dropped(what, Rows(*counts))

    return SpoolExporter(OtlpExporter(url, protocol="protobuf", retry_for_s=0.0), directory, on_moved=moved)


def main(url: str, directory: str, events: int, per_s: float, *options: str) -> None:
    resource = Resource("outage")
    delivery = Delivery(lambda ledger: spooled(url, directory, ledger), lambda: resource)
    telemetry = Telemetry(delivery, Limits(queue_rows=events + 2000, linger_s=0.05, exit_s=1.0))
    telemetry.deliver(delivery)
    log = telemetry.scope("client")
    started_s = time.monotonic()
    for number in range(events):
        log.info("step", number=number)
        ahead_s = started_s + number / per_s - time.monotonic()
        if ahead_s > 0:
            time.sleep(ahead_s)
    deadline_s = time.monotonic() + 60
    while not telemetry.flush(5.0) and not options and time.monotonic() < deadline_s:
        time.sleep(0.2)
    report(telemetry)
    if options:
        time.sleep(600)


def report(telemetry: Telemetry) -> None:
    counts = telemetry.counts()
    dropped: dict[str, Any] = {reason: rows.events for reason, rows in counts.dropped.items()}
    found = {"recorded": counts.recorded.events, "exported": counts.exported.events, "dropped": dropped}
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), *sys.argv[5:])
