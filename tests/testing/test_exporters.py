import pytest

from firstlight.model import Batch
from firstlight.testing import check_exporter


class Careless:
    def export(self, batch: Batch) -> None:
        batch.events.clear()

    def close(self) -> None:
        pass


class ClosesOnce:
    closed = False

    def export(self, batch: Batch) -> None:
        pass

    def close(self) -> None:
        assert not self.closed, "closed twice"
        self.closed = True


@pytest.mark.parametrize(
    ("broken", "why"), [(Careless, "leave the batch"), (ClosesOnce, "closed twice"), (object, "export")]
)
def test_broken_exporters_are_found(broken: type, why: str) -> None:
    with pytest.raises(AssertionError, match=why):
        check_exporter(broken)
