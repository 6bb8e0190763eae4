import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from firstlight.app.lake import Lake
from firstlight.app.presence import find
from firstlight.app.settings import load
from firstlight.errors import NotReachable, StorageError
from firstlight.hub.server import bind, listen, running, url_of
from firstlight.store.layout import FileLock
from tests.hub.serving import hub, logs

PROGRAM = """
import sys
from firstlight.app.settings import load
from firstlight.hub.server import serve
sys.exit(serve(load({"hub.port": 0, "data_dir": sys.argv[1], "host.enabled": False})))
"""


def settings(data_dir: Path, port: int = 0):
    given = {"hub.port": port, "data_dir": str(data_dir), "host.enabled": False}
    return load(given, environ={}, directory=data_dir.parent)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order_and_nothing_acknowledged_is_lost(tmp_path: Path, number) -> None:
    program = [sys.executable, "-W", "error", "-c", PROGRAM, str(tmp_path)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        address = find(tmp_path)
        assert address is not None
        assert said.split()[-1] == address.url
        assert str(tmp_path) in process.stdout.readline()
        port = int(address.url.rsplit(":", 1)[1])
        with socket.create_connection(
            ("127.0.0.1", port)
        ) as stalled:  # a connection that never asks must not hold it up
            send(port, logs(11))
            process.send_signal(number)
            _, errors = process.communicate(timeout=30)
            assert stalled.recv(1) == b""
    assert (process.returncode, errors) == (0, "")
    assert find(tmp_path) is None
    assert not (tmp_path / "hub.json").exists()
    with Lake.open(tmp_path, read_only=True) as lake:
        assert lake.sql("select count(*) from events").rows[0][0] == 11


def send(port: int, body: bytes) -> None:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/v1/logs", body, {"content-type": "application/x-protobuf"})
    assert connection.getresponse().status == 200
    connection.close()


def test_a_running_hub_is_found_by_its_data_directory(tmp_path: Path) -> None:
    with hub(tmp_path) as client:
        address = find(tmp_path)
        assert address is not None
        assert (address.url, address.pid) == (client.server.platform.url, os.getpid())
    assert find(tmp_path) is None


def test_a_dead_hubs_address_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "hub.json").write_text(json.dumps({"url": "http://127.0.0.1:1", "pid": os.getpid()}))
    assert find(tmp_path) is None
    (tmp_path / "hub.lock").touch()
    assert find(tmp_path) is None


def test_a_second_hub_on_the_same_data_is_refused_with_the_firsts_address(tmp_path: Path) -> None:
    with hub(tmp_path) as client:
        with pytest.raises(StorageError, match="a hub already serves") as refused, running(settings(tmp_path)):
            pass
        assert client.server.platform.url in str(refused.value)
        assert client.get("/livez").status == 200
        assert find(tmp_path) is not None


def test_a_port_in_use_is_named_with_the_way_out(tmp_path: Path) -> None:
    with bind("127.0.0.1", 0) as taken:
        listen(taken, "127.0.0.1")
        port = taken.getsockname()[1]
        with pytest.raises(NotReachable, match=f"port {port} is in use.*--port {port + 1}"):
            running(settings(tmp_path / "lake", port)).__enter__()
    assert not (tmp_path / "lake").exists()


@pytest.mark.parametrize("host", ["203.0.113.7", "no.such.host.invalid"])
def test_a_foreign_address_is_named(host) -> None:
    with pytest.raises(NotReachable, match="try --host 127"):
        bind(host, 0)


def test_two_that_start_at_once_do_not_share_a_port() -> None:
    with bind("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with bind("127.0.0.1", port) as second:
            listen(first, "127.0.0.1")
            with pytest.raises(NotReachable, match=f"port {port} is in use"):
                listen(second, "127.0.0.1")


def test_nobody_waits_for_a_hub_that_is_still_opening_its_lake(tmp_path: Path) -> None:
    with bind("127.0.0.1", 0) as found:
        port = found.getsockname()[1]
    entered, leave = threading.Event(), threading.Event()

    def run() -> None:
        with running(settings(tmp_path, port)):
            entered.set()
            leave.wait()

    making = FileLock(tmp_path / "create.lock")
    assert making.acquire()
    starting = threading.Thread(target=run)
    starting.start()
    try:
        while starting.is_alive() and not (tmp_path / "wal").is_dir():
            starting.join(0.01)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        making.release()
        assert entered.wait(60)
        socket.create_connection(("127.0.0.1", port)).close()
    finally:
        making.release()
        leave.set()
        starting.join()


def test_a_data_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match=str(tmp_path / "file")), running(settings(tmp_path / "file")):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_data_directory_without_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match=r"no permission.*--data"), running(settings(tmp_path / "lake")):
        pass


def test_after_a_failed_start_nothing_is_held(tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "catalog.sqlite").mkdir()
    threads = threading.active_count()
    with pytest.raises(StorageError), running(settings(tmp_path / "lake")):
        pass
    assert threading.active_count() == threads
    (tmp_path / "lake" / "catalog.sqlite").rmdir()
    with running(settings(tmp_path / "lake")) as server:
        assert server.platform.url


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
        ("box.lan", "http://box.lan:80"),
    ],
)
def test_the_url_is_one_that_this_machine_reaches(host, url) -> None:
    assert url_of(host, 80) == url
