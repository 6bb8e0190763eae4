"""A small real HTTP server around the receiver; also a program: ``python -m tests.ingest.otlp_server PORT``."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from firstlight.codecs.otlp import answers
from firstlight.errors import DecodeError, PayloadTooLarge
from firstlight.ingest.inflate import inflate
from firstlight.ingest.otlp import JSON, PROTOBUF, OtlpReceiver

INFLATED_BYTES_MAX = 32 * 2**20


class MemoryStore:
    """Keeps everything in lists; fails when told to."""

    def __init__(self):
        self.batches = []
        self.batch_ids = []
        self.recovered = set()
        self.problem = None

    def append(self, batches, batch_id=b""):
        if self.problem:
            raise self.problem
        self.batches += batches
        self.batch_ids.append(batch_id)

    def was_recovered(self, batch_id):
        return batch_id in self.recovered

    def rows(self, kind):
        return [row for batch in self.batches for row in getattr(batch, kind)]

    def samples(self):
        """Every sample as ``(series, time_ns, value)``."""
        return [
            (batch.series[series_id], time_ns, value)
            for batch in self.batches
            for series_id, time_ns, value in zip(
                batch.samples.series_ids, batch.samples.times_ns, batch.samples.values, strict=True
            )
        ]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        signal = self.path.removeprefix("/v1/")
        content_type = self.headers.get("Content-Type", "")
        try:
            encoding = self.headers.get("Content-Encoding", "")
            body = b"".join(inflate(list(self._chunks()), encoding, INFLATED_BYTES_MAX))
        except (DecodeError, PayloadTooLarge) as error:
            as_json = content_type.startswith(JSON)
            self._answer(400, JSON if as_json else PROTOBUF, answers.status(3, str(error), as_json=as_json))
            return
        reply = self.server.receiver.handle(signal, content_type, body, time.time_ns())
        self._answer(reply.status, reply.content_type, reply.body, reply.retry_after_s)

    def do_GET(self):
        self._answer(405, "text/plain", b"")

    def _chunks(self) -> Iterator[bytes]:
        if self.headers.get("Transfer-Encoding") != "chunked":
            yield self.rfile.read(int(self.headers.get("Content-Length", 0)))
            return
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _answer(self, status, content_type, body, retry_after_s=None):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if retry_after_s is not None:
            self.send_header("Retry-After", str(int(retry_after_s)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@contextmanager
def serving(store, port=0):
    """Give the base address of a server whose deliveries go to ``store``."""
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = False
    server.receiver = OtlpReceiver(store)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


if __name__ == "__main__":
    with serving(MemoryStore(), int(sys.argv[1])) as base:
        sys.stdout.write(f"{base}\n")
        threading.Event().wait()
