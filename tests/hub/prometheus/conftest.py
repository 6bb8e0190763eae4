from collections.abc import Iterator

import pytest

from tests.hub.serving import hub


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A hub without figures of its own in the time that tests ask for."""
    with hub(tmp_path_factory.mktemp("hub"), self_metrics_interval_s=86_400.0) as client:
        yield client.server.platform.url
