from collections.abc import Sequence

import pytest

from firstlight.export.memory import MemoryExporter
from firstlight.model import Event, Resource, Span
from firstlight.sdk.client import Delivery, Limits, Telemetry
from firstlight.sdk.flow.ledger import Rows
from firstlight.sdk.flow.plain import Telling
from firstlight.sdk.redaction.redact import Redactor


def recorder(exporter: MemoryExporter) -> Telemetry:
    return Telemetry(Delivery(lambda _: exporter, Resource), Limits(linger_s=0.0), raise_errors=False)


def test_secrets_are_hidden_before_anything_leaves_and_counted() -> None:
    exporter = MemoryExporter()
    with recorder(exporter) as telemetry:
        telemetry.redaction.use(Redactor)
        with telemetry.span("call", authorization="Bearer abc.def"):
            telemetry.event("login", password="hunter2", user="ada")
        telemetry.log_event("a", "b", "paid", data={"note": "card 4111 1111 1111 1111"})
        telemetry.flush()
    assert "hunter2" not in repr(exporter.events)
    assert "4111" not in repr(exporter.events)
    assert exporter.events[0].attributes["user"] == "ada"
    assert "abc.def" not in repr(exporter.spans)
    assert sum(telemetry.counts().redacted.values()) == 3
    assert sum(exporter.latest("firstlight_sdk_redacted_total").values()) == 3


class Broken:
    def is_clean(self, told: Telling) -> bool:
        return False

    def batch(self, events: Sequence[Event], spans: Sequence[Span]) -> None:
        raise ValueError("bug")

    def counts(self) -> dict[str, int]:
        return {}


def test_what_could_not_be_looked_through_does_not_leave(caplog: pytest.LogCaptureFixture) -> None:
    exporter = MemoryExporter()
    with recorder(exporter) as telemetry:
        telemetry.redaction.use(Broken)
        telemetry.event("login", password="hunter2")
        telemetry.flush()
        counts = telemetry.counts()
    assert not exporter.events
    assert counts.dropped == {"redaction_failed": Rows(events=1)}
    assert counts.recorded.events == 1
    assert "redaction failed: ValueError: bug" in caplog.text
