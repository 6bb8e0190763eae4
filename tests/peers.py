"""The real programs that our output is held against."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

VARIABLE = "FIRSTLIGHT_PEERS"
# Read here, because the tests hide such variables from what they start.
_FOLDER = os.environ.get(VARIABLE)


def peer(name: str) -> Path:
    """Return the path of a program below the folder that FIRSTLIGHT_PEERS names, or on the path; without it skip."""
    found = shutil.which(name, path=f"{_FOLDER}/usr/bin") if _FOLDER else shutil.which(name)
    if found is None:
        pytest.skip(f"no {name}; install it or name a folder with usr/bin/{name} in {VARIABLE}")
    return Path(found)


@contextmanager
def victoria_metrics(directory: Path) -> Iterator[str]:
    """Run a VictoriaMetrics that keeps its data in ``directory``; give its address."""
    program, log = peer("victoria-metrics"), directory / "log"
    arguments = [f"-storageDataPath={directory / 'data'}", "-httpListenAddr=127.0.0.1:0", "-retentionPeriod=100y"]
    with log.open("wb") as output, subprocess.Popen([program, *arguments], stdout=output, stderr=output) as process:
        try:
            yield f"http://{_address_in(log, process)}"
        finally:
            process.kill()


def _address_in(log: Path, process: subprocess.Popen[bytes]) -> str:
    """Wait until the server says in its log where it listens."""
    while process.poll() is None:
        for line in log.read_text().splitlines():
            if "started server at http://127.0.0.1:" in line or "pprof handlers are exposed at http" in line:
                return line.split("http://", 1)[1].split("/")[0]
        time.sleep(0.05)
    raise AssertionError(log.read_text())
