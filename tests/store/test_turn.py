import subprocess
import sys
from pathlib import Path

import pytest

from firstlight.errors import Unavailable
from firstlight.store.layout import FileLock, Layout
from firstlight.store.maintain import maintain
from firstlight.store.turn import is_wanted, turn
from tests.store.lakes import lake_of


def test_one_has_the_turn_and_others_are_told_after_their_patience(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    with turn(layout), pytest.raises(Unavailable, match=r"changing the lake.*--wait") as raised, turn(layout, 0.2):
        pass
    assert raised.value.retry_after_s > 1
    with turn(layout, 0.0):
        assert not FileLock(layout.keeper_lock).acquire()
    assert not is_wanted(layout)


def test_a_maintaining_process_makes_way_for_who_waits(tmp_path: Path) -> None:
    layout = lake_of(tmp_path, 1)
    program = (
        "import sys; from firstlight.store.layout import Layout; from firstlight.store.maintain import maintain\n"
        "print('begun', flush=True)\nwhile not maintain(Layout(sys.argv[1]), print, 3600.0): pass"
    )
    worker = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE)
    assert worker.stdout is not None
    worker.stdout.readline()
    while (lock := FileLock(layout.keeper_lock)).acquire():
        lock.release()
        assert worker.poll() is None
    with turn(layout, 60.0):
        pass
    assert worker.wait(30) == 0
    worker.stdout.close()


def test_nobody_begins_to_maintain_while_somebody_waits(tmp_path: Path) -> None:
    layout = lake_of(tmp_path, 1)
    wanted = FileLock(layout.keeper_wanted)
    assert wanted.acquire()
    assert not maintain(layout, lambda _: None)
    wanted.release()
    assert maintain(layout, lambda _: None)


def test_who_dies_gives_its_turn_back(tmp_path: Path) -> None:
    program = (
        "import sys, time; from firstlight.store.layout import Layout; from firstlight.store.turn import turn\n"
        "with turn(Layout(sys.argv[1])):\n    print('mine', flush=True); time.sleep(600)"
    )
    holder = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    with pytest.raises(Unavailable), turn(Layout(tmp_path), 0.1):
        pass
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with turn(Layout(tmp_path), 10.0):
        pass
