from collections.abc import Iterator

import pytest

from tests.assess.memory_reader import MemoryReader


@pytest.fixture
def reader() -> Iterator[MemoryReader]:
    reader = MemoryReader()
    yield reader
    reader.close()
