"""A real hub in a thread, and a client that asks it."""

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from firstlight.app.settings import load
from firstlight.hub.server import Server, running

JSON = "application/json"
PROTOBUF = "application/x-protobuf"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])


@dataclass(frozen=True)
class Client:
    server: Server

    @property
    def port(self) -> int:
        port = urlsplit(self.server.platform.url).port
        assert port is not None
        return port

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, chunked: bool = False
    ) -> Answer:
        connection = self.connect()
        try:
            connection.request(method, path, body, headers or {}, encode_chunked=chunked)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, headers=headers)

    def sql(self, query: str, **more: Any) -> Answer:
        return self.ask("POST", "/api/sql", json.dumps({"query": query, **more}), {"content-type": JSON})

    def send_logs(self, body: bytes, **headers: str) -> Answer:
        return self.ask("POST", "/v1/logs", body, {"content-type": PROTOBUF, **headers})


@contextmanager
def hub(data_dir: Path, **arguments: Any) -> Iterator[Client]:
    """Run a hub without host metrics, which keeps old rows; arguments have ``__`` for the dots of a setting's path."""
    given: dict[str, Any] = {"host.enabled": False, "hub.port": 0, "data_dir": str(data_dir)}
    given |= {f"lake.retention.{signal}_days": 0 for signal in ("events", "metrics", "spans")}
    given |= {path.replace("__", "."): value for path, value in arguments.items()}
    with running(load(given, environ={}, directory=data_dir)) as server:
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            yield Client(server)
        finally:
            server.stop()
            thread.join()


def logs(count: int, service: str = "demo", text: str = "hello", level: int = 9, time_ns: int = 10**18) -> bytes:
    """Return an OTLP delivery of ``count`` log records, a nanosecond apart."""
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    attribute = resource.resource.attributes.add(key="service.name")
    attribute.value.string_value = service
    scope = resource.scope_logs.add()
    scope.scope.name = "shop.cart"
    for number in range(count):
        record = scope.log_records.add(time_unix_nano=time_ns + number, severity_number=level, event_name="sold")
        record.body.string_value = text
    return request.SerializeToString()
