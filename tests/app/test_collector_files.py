import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from firstlight.app.collector import Collector, JsonFile, PeriodicWriter, PrometheusFile, SeveralFiles
from firstlight.app.telemetry import build, configure
from firstlight.errors import Unavailable
from firstlight.export.memory import MemoryExporter


@pytest.fixture
def collector() -> Iterator[Collector]:
    telemetry = build(environ={})
    configure(exporter=MemoryExporter(), telemetry=telemetry, environ={})
    yield Collector(telemetry=telemetry)
    telemetry.shutdown()


def test_a_file_is_written_as_a_whole_and_nothing_is_left_beside_it(tmp_path: Path, collector: Collector) -> None:
    counter = collector.register_counter("orders_total", labels=("zone",))
    for zone in range(300):
        counter.labels(zone).inc()
    path = tmp_path / "state" / "metrics.prom"
    file = PrometheusFile(path)
    asyncio.run(file.write(collector))
    expected = path.read_text().count("\n")
    torn, done = [], threading.Event()

    def read() -> None:
        while not done.is_set():
            torn.extend([text] for text in [path.read_text()] if text.count("\n") != expected)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(30):
        asyncio.run(file.write(collector))
    done.set()
    reader.join()
    assert torn == []
    assert list(path.parent.iterdir()) == [path]
    assert len(next(text_string_to_metric_families(path.read_text())).samples) == 300


def test_a_refusal_is_tried_again(tmp_path: Path, collector: Collector) -> None:
    (tmp_path / "way").write_text("in the way")
    file = JsonFile(tmp_path / "way" / "metrics.json", attempts=50, retry_s=0.01)

    async def main() -> None:
        writing = asyncio.create_task(file.write(collector))
        await asyncio.sleep(0.05)
        assert not writing.done()
        (tmp_path / "way").unlink()
        await writing

    asyncio.run(main())
    assert json.loads((tmp_path / "way" / "metrics.json").read_text())["running"] is False


def test_what_cannot_be_written_is_said_at_last(tmp_path: Path, collector: Collector) -> None:
    (tmp_path / "way").write_text("in the way")
    several = SeveralFiles(
        [PrometheusFile(tmp_path / "way" / "a.prom", attempts=2, retry_s=0.001), JsonFile(tmp_path / "b.json")]
    )
    with pytest.raises(Unavailable, match="cannot write in"):
        asyncio.run(several.write(collector))
    assert {path.name for path in tmp_path.iterdir()} == {"way", "b.json"}


def test_a_periodic_writer_goes_on_after_failures_and_writes_the_last_state(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    states: list[float] = []
    counter = collector.register_counter("orders_total")
    failing = True

    async def write() -> None:
        if failing:
            raise OSError("no room")
        states.append(collector.states(counter)[0].value)

    writer = PeriodicWriter(write, 0.005, troubles=collector.telemetry.troubles)

    async def main() -> None:
        nonlocal failing
        await writer.start()
        assert writer.running
        while writer.failures < 2:
            await asyncio.sleep(0.002)
        failing = False
        while not states:
            await asyncio.sleep(0.002)
        counter.add(7)
        await writer.stop()
        await writer.stop()
        assert not writer.running

    asyncio.run(main())
    assert states[-1] == 7
    assert writer.writes == len(states)
    assert caplog.text.count("the state was not written, trying again: OSError: no room") == 1


def test_stopping_does_not_fail_when_the_last_write_does(collector: Collector) -> None:
    async def write() -> None:
        raise OSError("no room")

    async def main() -> None:
        writer = PeriodicWriter(write, 60, troubles=collector.telemetry.troubles)
        await writer.start()
        await writer.stop()
        assert writer.failures >= 1

    asyncio.run(main())


def test_a_metric_without_a_value_has_no_lines(tmp_path: Path, collector: Collector) -> None:
    collector.register_gauge("queue_length", labels=("queue",))
    asyncio.run(PrometheusFile(tmp_path / "a.prom").write(collector))
    assert "queue_length" not in (tmp_path / "a.prom").read_text()
