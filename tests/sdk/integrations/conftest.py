from collections.abc import Iterator

import pytest

import firstlight
from firstlight.export.memory import MemoryExporter
from firstlight.testing import Capture, capture


@pytest.fixture(autouse=True, scope="module")
def _nobody_is_contacted() -> None:
    firstlight.configure(exporter=MemoryExporter())


@pytest.fixture
def captured() -> Iterator[Capture]:
    with capture(level="debug") as one:
        yield one
