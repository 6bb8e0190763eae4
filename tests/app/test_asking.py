import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import firstlight
from firstlight.app.asking import sql
from firstlight.app.lake import Lake
from firstlight.app.settings import load
from firstlight.errors import FirstlightError, NotReachable, QuerySyntaxError, UsageError
from firstlight.model import Batch, Kind, Resource, Series

S = 10**9
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    add(tmp_path / "lake", 100)
    return tmp_path / "lake"


def add(path: Path, count: int, name: str = "jobs") -> None:
    batch = Batch(Resource("shop", "s1"))
    now_ns = time.time_ns()
    for back in range(count):
        batch.add_sample(Series(name, (), "shop", kind=Kind.COUNTER), now_ns - back * S, float(count - back))
    with Lake.open(path, maintain=False) as lake:
        lake.append([batch])


def test_a_lake_is_asked_at_one_moment_and_at_many(directory: Path) -> None:
    with Lake.open(directory, read_only=True) as lake:
        assert [row["value"] for row in lake.promql("jobs_total").dicts()] == [100.0]
        assert lake.promql("jobs_total", at="-50s").dicts()[0]["value"] == pytest.approx(50, abs=5)
        frame = lake.promql("rate(jobs_total[30s])", range="1m", step="10s")
    assert (frame.kind, len(frame)) == ("matrix", 7)
    assert frame.dicts()[3]["value"] == pytest.approx(1, abs=0.05)


def test_the_module_asks_a_lake_and_a_directory(directory: Path) -> None:
    with Lake.open(directory, read_only=True) as lake:
        assert len(firstlight.promql("jobs_total", lake=lake)) == 1
    assert len(firstlight.promql("jobs_total", lake=directory)) == 1
    assert len(firstlight.promql("jobs_total", lake=str(directory), range="1m", step="30s")) == 3
    assert sql("select count(*) from metrics", lake=directory).rows == [(100,)]


def test_a_directory_that_stays_open_shows_what_comes(directory: Path) -> None:
    assert len(firstlight.promql("more_total", lake=directory)) == 0
    add(directory, 1, "more")
    assert len(firstlight.promql("more_total", lake=directory)) == 1


def test_what_is_wrong_is_said(directory: Path) -> None:
    with pytest.raises(QuerySyntaxError, match="1:5"):
        firstlight.promql("sum(", lake=directory)
    with pytest.raises(UsageError, match="step='x'"):
        firstlight.promql("up", lake=directory, step="x")
    with pytest.raises(UsageError, match="two places"):
        firstlight.promql("up", lake=directory, url=NOBODY)
    with pytest.raises(NotReachable, match="no data directory"):
        firstlight.promql("up", lake=directory / "none")
    with pytest.raises(NotReachable, match="no hub answers"):
        firstlight.promql("up", url=NOBODY)


def test_the_usual_place_is_the_directory_of_the_settings(directory: Path) -> None:
    program = "import firstlight; print(firstlight.promql('jobs_total').dicts()[0]['value'])"
    environment = os.environ | {"FIRSTLIGHT_DATA_DIR": str(directory), "FIRSTLIGHT_HUB_PORT": "9"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "100.0\n"
    nowhere = environment | {"FIRSTLIGHT_DATA_DIR": str(directory / "none")}
    done = subprocess.run([sys.executable, "-c", program], env=nowhere, capture_output=True, text=True, check=False)
    assert "no hub answers" in done.stderr
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment | {"FIRSTLIGHT_URL": NOBODY},
        capture_output=True,
        text=True,
        check=False,
    )
    assert NOBODY in done.stderr


def test_the_token_of_this_machines_hub_is_shown_to_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "firstlight.toml").write_text('[hub]\ntoken = "of this machine"\n')
    monkeypatch.setenv("FIRSTLIGHT_CONFIG", str(tmp_path / "firstlight.toml"))
    assert load().settings.hub.token == "of this machine"
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("FIRSTLIGHT_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        heard: list[bytes] = []

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                heard.append(connection.recv(65_536))
                connection.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(FirstlightError):
            firstlight.promql("up")
        thread.join()
    assert b"GET " in heard[0]
    assert b"of this machine" not in heard[0]
