from pathlib import Path

import pytest

from firstlight.store import backlog
from firstlight.store.backlog import Backlog


@pytest.fixture(autouse=True)
def _always_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "LOOK_EVERY_S", 0.0)


def log(path: Path, writer: str, size: int) -> Path:
    file = path / writer / "00000001.wal"
    file.parent.mkdir(exist_ok=True)
    with file.open("wb") as opened:
        opened.truncate(size)
    return file


def test_nobody_waits_while_sealing_keeps_up(tmp_path: Path) -> None:
    log(tmp_path, "a", backlog.SLOW_BYTES // 2)
    log(tmp_path, "b", backlog.SLOW_BYTES // 2)
    assert Backlog(tmp_path).delay_s(10**6) == 0.0


def test_the_more_waits_the_longer_an_append_waits(tmp_path: Path) -> None:
    found = Backlog(tmp_path)
    log(tmp_path, "a", backlog.SLOW_BYTES)
    half = (backlog.SLOW_BYTES + backlog.MOST_BYTES) // 2 - backlog.SLOW_BYTES
    log(tmp_path, "b", half)
    assert found.delay_s(12_000) == pytest.approx(12_000 / backlog.LEAST_BYTES_PER_S / 2)
    assert found.delay_s(24_000) == 2 * found.delay_s(12_000)
    assert found.delay_s(2**40) == backlog.LONGEST_S
    assert not found.is_full()
    log(tmp_path, "b", backlog.MOST_BYTES)
    assert found.is_full()


def test_what_was_sealed_counts_no_more(tmp_path: Path) -> None:
    found = Backlog(tmp_path)
    file = log(tmp_path, "a", backlog.MOST_BYTES + 1)
    assert found.is_full()
    file.unlink()
    assert found.bytes() == 0
