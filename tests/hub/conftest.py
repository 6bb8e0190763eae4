from collections.abc import Iterator

import pytest

from tests.hub.serving import Client, hub


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with hub(tmp_path_factory.mktemp("hub")) as running:
        yield running
