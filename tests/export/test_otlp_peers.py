"""OTLP as others take it: a real VictoriaMetrics, and a receiver behind TLS that asks who we are."""

import json
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import quote
from urllib.request import urlopen

import pytest

from firstlight.errors import NotReachable
from firstlight.export.connection import Tls
from firstlight.export.otlp import OtlpExporter, Protocol
from firstlight.model import Batch, Exemplar, Kind, Resource, Series
from firstlight.testing import sample_batch
from tests.peers import victoria_metrics


@pytest.fixture(scope="module")
def victoria(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with victoria_metrics(tmp_path_factory.mktemp("victoria")) as url:
        yield url


def measured(service: str, now_ns: int) -> Batch:
    batch = Batch(Resource(service, "i"))

    def line(name: str, kind: Kind, field: str = "value", **labels: str) -> Series:
        return Series(name, tuple(sorted(labels.items())), service, "i", "sc", field, kind, "")

    orders = line("orders_total", Kind.COUNTER, currency="EUR")
    batch.add_sample(orders, now_ns, 42.0)
    batch.exemplars.append(Exemplar(orders.id(), now_ns, 1.0, "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"))
    batch.add_sample(line("queue_length", Kind.GAUGE, q='a "b",\\c'), now_ns, -1.5)
    for field, labels, value in (
        ("bucket", {"le": "0.5"}, 1.0),
        ("bucket", {"le": "+Inf"}, 3.0),
        ("sum", {}, 7.25),
        ("count", {}, 3.0),
    ):
        batch.add_sample(line("wait", Kind.HISTOGRAM, field, **labels), now_ns, value)
    return batch


@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_victoria_metrics_takes_it(victoria: str, compression: str) -> None:
    now_ns, service = time.time_ns(), f"shop-{compression}"
    exporter = OtlpExporter(
        victoria,
        endpoints={"metrics": f"{victoria}/opentelemetry/v1/metrics"},
        compression=compression,
    )
    exporter.export(measured(service, now_ns))
    exporter.close()
    with urlopen(f"{victoria}/internal/force_flush"):
        pass

    def ask(query: str) -> dict[str, str]:
        url = f"{victoria}/api/v1/query?query={quote(query)}&time={now_ns // 10**9 + 1}&nocache=1"
        with urlopen(url) as answer:
            found = json.load(answer)["data"]["result"]
        name = next((key for key in ("currency", "q", "le") if any(key in one["metric"] for one in found)), "")
        return {one["metric"].get(name, ""): one["value"][1] for one in found}

    chosen = f'{{"service.name"="{service}"}}'
    assert ask(f"orders_total{chosen}") == {"EUR": "42"}
    assert ask(f"queue_length{chosen}") == {'a "b",\\c': "-1.5"}
    assert ask(f"wait_bucket{chosen}") == {"0.5": "1", "+Inf": "3"}
    assert ask(f"wait_sum{chosen}") == {"": "7.25"}
    assert ask(f"wait_count{chosen}") == {"": "3"}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program, directory = shutil.which("openssl"), tmp_path_factory.mktemp("certificates")
    if program is None:
        pytest.skip("no openssl to make certificates with")
    for name in ("server", "client"):
        subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
        key = ["-newkey", "rsa:2048", "-nodes", "-keyout", f"{directory / name}.key"]
        command = [program, "req", "-x509", *key, "-out", f"{directory / name}.pem", "-days", "2", *subject]
        subprocess.run(command, check=True, capture_output=True)
    return directory


@pytest.fixture
def guarded(certificates: Path) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Refused handshakes are what is tested here."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    context.load_verify_locations(certificates / "client.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    server = Server(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("protocol", ["protobuf", "json"])
def test_tls_with_certificates_on_both_sides(guarded: str, certificates: Path, protocol: Protocol) -> None:
    own = {"cert_file": f"{certificates / 'client.pem'}", "key_file": f"{certificates / 'client.key'}"}
    trusted = {"ca_file": f"{certificates / 'server.pem'}"}
    for good in (Tls(**trusted, **own), Tls(**own, insecure=True)):
        exporter = OtlpExporter(guarded, tls=good, protocol=protocol)
        exporter.export(sample_batch())
        exporter.close()
    for bad in (Tls(**own), Tls(**trusted)):
        exporter = OtlpExporter(guarded, tls=bad, protocol=protocol)
        with pytest.raises(NotReachable):
            exporter.export(sample_batch())
        exporter.close()
