"""A receiver behind HTTP that answers as it is told."""

import gzip
from collections.abc import Callable
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self

Answer = tuple[int, dict[str, str], bytes]
Read = Callable[[str, Message, bytes], Any]


class HttpReceiver:
    """Answers as scripted, then as usual.

    Args:
        usual: the answer when the script has ended.
        read: makes of path, headers and body what is kept of a body.

    Attributes:
        answers: the script.
        got: path, headers and inflated body of each request.
        connections: how many there were.
        hang_up_next: close the next connection without an answer.
        hung_up: path, headers and body as sent of each request that got none.
    """

    def __init__(self, usual: Answer, read: Read = lambda _path, _headers, body: body) -> None:
        self.answers: list[Answer] = []
        self.got: list[tuple[str, dict[str, str], Any]] = []
        self.connections = 0
        self.hang_up_next = False
        self.hung_up: list[tuple[str, dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                receiver.connections += 1
                super().setup()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if receiver.hang_up_next:
                    receiver.hang_up_next = False
                    receiver.hung_up.append((self.path, dict(self.headers), body))
                    self.close_connection = True
                    return
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                receiver.got.append((self.path, dict(self.headers), read(self.path, self.headers, body)))
                status, headers, answer = receiver.answers.pop(0) if receiver.answers else usual
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
