from collections.abc import Iterator

import pytest

from firstlight.export.memory import MemoryExporter
from firstlight.model import Resource
from firstlight.sdk.client import Delivery, Limits, Telemetry
from tests.sdk.recorder import Recorder


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    made = Recorder(raise_errors=False)
    yield made
    made.telemetry.shutdown()


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    made = Telemetry(Delivery(lambda _: MemoryExporter(), Resource), Limits(linger_s=0.0))
    yield made
    made.shutdown()
