from firstlight.export.memory import MemoryExporter
from firstlight.testing import check_exporter, sample_batch


def test_it_keeps_the_contract() -> None:
    check_exporter(MemoryExporter)


def test_it_answers_and_is_bounded() -> None:
    memory = MemoryExporter(max_batches=2)
    for _ in range(3):
        memory.export(sample_batch())
    assert len(memory.batches) == 2
    assert [event.name for event in memory.events] == ["order_paid", "", "order_paid", ""]
    assert [span.name for span in memory.spans] == ["pay", "pay"]
    assert memory.latest("orders_total") == {(("currency", "EUR"),): 3.0}
    assert memory.latest("pay_seconds", "sum") == {(): 7.25}
