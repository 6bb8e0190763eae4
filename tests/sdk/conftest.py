from collections.abc import Iterator

import pytest

from tests.sdk.recorder import Recorder


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    made = Recorder(raise_errors=False)
    yield made
    made.telemetry.shutdown()
