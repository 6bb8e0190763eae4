"""What the real programs say of themselves goes in, and what comes out they read."""

import json
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from firstlight.app.exports.wanted import Wanted as Export
from firstlight.app.imports.inputs import find
from firstlight.app.imports.wanted import Wanted
from firstlight.app.lake_export import export
from firstlight.app.lake_import import import_into
from firstlight.model.selector import parse_selector
from firstlight.store.held import hold
from firstlight.store.layout import Layout
from tests.app import carried
from tests.peers import peer

NOON_NS = 1_262_347_200_000_000_000
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def answer(url: str, process: subprocess.Popen[bytes], accept: str = "text/plain") -> bytes:
    while process.poll() is None:
        try:
            with urlopen(Request(url, headers={"Accept": accept})) as response:
                return response.read()
        except OSError:
            time.sleep(0.05)
    raise AssertionError("it ended")


@pytest.fixture(scope="module")
def expositions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, bytes]]:
    directory = tmp_path_factory.mktemp("prometheus")
    (directory / "p.yml").write_text("global: {scrape_interval: 1s}\n")
    address = f"127.0.0.1:{free_port()}"
    arguments = [f"--config.file={directory}/p.yml", f"--storage.tsdb.path={directory}/data"]
    program = [peer("prometheus"), *arguments, f"--web.listen-address={address}"]
    with (directory / "log").open("wb") as log, subprocess.Popen(program, stdout=log, stderr=log) as process:
        try:
            answer(f"http://{address}/-/ready", process)
            url = f"http://{address}/metrics"
            yield {"prom": answer(url, process), "om": answer(url, process, OPENMETRICS)}
        finally:
            process.kill()


@pytest.mark.parametrize("form", ["prom", "om"])
def test_all_that_prometheus_says_of_itself_is_kept(tmp_path: Path, expositions, form: str) -> None:
    (tmp_path / f"self.{form}").write_bytes(expositions[form])
    report = import_into(tmp_path / "lake", find([str(tmp_path / f"self.{form}")]), Wanted(default_time_ns=NOON_NS))
    assert report.bad == []
    # The strict parser of prometheus_client refuses what Prometheus' own library writes: names that clash.
    expected = [
        sample
        for family in text_string_to_metric_families(expositions[form].decode())
        for sample in family.samples
        if not sample.name.endswith("_created")
    ]
    assert report.samples == len(expected) > 300
    with hold(Layout(tmp_path / "lake"), ["samples"]) as held:
        series = held.index().all()
        kept = {
            (found.name, found.field, frozenset(found.labels)): value
            for rows in held.pieces("samples", 0, 2**63 - 1)
            for number, value in zip(rows["series_id"].to_pylist(), rows["value"].to_pylist(), strict=True)
            for found in (series[number],)
        }
    plain = [sample for sample in expected if not {"le", "quantile"} & sample.labels.keys()]
    for sample in plain:
        field = next((part for part in ("sum", "count") if sample.name.endswith(f"_{part}")), "value")
        name = sample.name if field == "value" else sample.name.removesuffix(f"_{field}")
        labels = frozenset((key, value) for key, value in sample.labels.items() if value)
        found = kept.get((name, field, labels), kept.get((sample.name, "value", labels)))
        assert found == pytest.approx(sample.value, rel=0, abs=0, nan_ok=True), sample


@pytest.fixture
def victoria_metrics(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    address = f"127.0.0.1:{free_port()}"
    program = [peer("victoria-metrics"), f"-storageDataPath={tmp_path / 'vm'}", f"-httpListenAddr={address}"]
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen([*program, "-retentionPeriod=100y"], stdout=log, stderr=log) as process,
    ):
        try:
            answer(f"http://{address}/health", process)
            yield f"http://{address}", process
        finally:
            process.send_signal(signal.SIGKILL)


@pytest.mark.parametrize(("chosen", "path"), [("prometheus", "/api/v1/import/prometheus"), ("influx", "/write")])
def test_victoria_metrics_reads_what_comes_out(tmp_path: Path, victoria_metrics, chosen: str, path: str) -> None:
    url, process = victoria_metrics
    lake = carried.make(tmp_path / "lake", sealed=True)
    wanted = Export(chosen, ("metrics",), matchers=(parse_selector("hits_total"),))  # type: ignore[arg-type]
    export(lake, str(tmp_path / "hits"), wanted)
    with urlopen(Request(f"{url}{path}", (tmp_path / "hits").read_bytes())):
        pass
    answer(f"{url}/internal/force_flush", process)
    name = "hits_total" if chosen == "prometheus" else "hits_total_value"
    line = json.loads(answer(f"{url}/api/v1/export?match[]={name}&start=0", process))
    before = [
        (time_ns // 10**6, float(number))
        for number, time_ns in enumerate(range(carried.BASE_NS, carried.BASE_NS + 10**12, 10**10))
    ]
    assert list(zip(line["timestamps"], line["values"], strict=True)) == before
