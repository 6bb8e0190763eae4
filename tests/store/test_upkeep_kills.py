"""Processes that change a lake are killed at any moment: no row is lost or doubled, and the next one finishes."""

import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from firstlight.app import upkeep
from firstlight.app.lake import Lake
from firstlight.store.policy import Policy, SeriesRule
from firstlight.store.retain import US_PER_DAY
from firstlight.store.selection import Selection
from firstlight.store.verify import verify
from tests.store.lakes import FIRST_DAY, day
from tests.store.test_compact import sealed

KILLS = 4
DAYS, PARTS, ROWS = 3, 3, 400
_NOW_NS = (FIRST_DAY + DAYS) * US_PER_DAY * 1000
_POLICY = Policy({"events": 2.0}, (SeriesRule('{service="bank"}', 1),))

BANK = "service = 'bank' AND time_ns < {} * 86400000000000"
# What an operation may take, and is to have taken when it is done; rows by their table.
TAKES = {
    "compact": {"events": "false", "metrics": "false", "spans": "false"},
    "retain": {
        "events": f"time_ns < {FIRST_DAY + 1} * 86400000000000",
        "metrics": BANK.format(FIRST_DAY + 2),
        "spans": "false",
    },
    "erase": {"events": "body LIKE '%ada1%'", "metrics": "false", "spans": "false"},
}
_WORK = {
    "compact": "upkeep.compact(path)",
    "retain": f"upkeep.retain(path, kills._POLICY, {_NOW_NS})",
    "erase": "upkeep.erase(path, kills.Selection(text='ada1'))",
}


def take_part(operation: str, path: Path) -> None:
    """Do the whole operation here."""
    if operation == "compact":
        upkeep.compact(path)
    elif operation == "retain":
        upkeep.retain(path, _POLICY, _NOW_NS)
    else:
        assert upkeep.erase(path, Selection(text="ada1")).is_complete


def answers(path: Path, operation: str) -> dict[str, tuple[object, object]]:
    """Return, by table, the sum over what must stay and the number of rows that may go."""
    with Lake.open(path, read_only=True) as lake:
        found = {}
        for table, takes in TAKES[operation].items():
            key = {"metrics": "series_id, value", "events": "body", "spans": "span_id"}[table]
            (stay,) = lake.sql(f"SELECT count(*), sum(hash(time_ns, {key})) FROM {table} WHERE NOT ({takes})").rows
            found[table] = (stay, lake.sql(f"SELECT count(*) FROM {table} WHERE {takes}").rows[0][0])
        return found


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template")
    batches = []
    for number in range(DAYS):
        batches += [day(number, ROWS, part * ROWS) for part in range(PARTS)]
    sealed(path, *batches)
    return path


def kill_once(template: Path, path: Path, operation: str, rng: random.Random, longest_s: float) -> float:
    """Kill the operation at a random moment, look, finish it and look again; return how long it was let run."""
    shutil.copytree(template, path)
    before = answers(path, operation)
    program = (
        "import sys; from firstlight.app import upkeep; from tests.store import test_upkeep_kills as kills\n"
        f"path = sys.argv[1]; print(flush=True); {_WORK[operation]}"
    )
    victim = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE)
    assert victim.stdout is not None
    victim.stdout.readline()
    delay_s = rng.uniform(0.0, longest_s)
    time.sleep(delay_s)
    victim.kill()
    victim.wait()
    victim.stdout.close()
    after = answers(path, operation)
    for table, (stay, may_go) in before.items():
        assert after[table][0] == stay, (operation, table, delay_s)
        assert after[table][1] <= may_go, (operation, table, delay_s)  # type: ignore[operator]
    take_part(operation, path)
    done = answers(path, operation)
    assert done == {table: (stay, 0 if may_go else may_go) for table, (stay, may_go) in before.items()}
    assert verify(upkeep.Layout(path)).problems == []
    shutil.rmtree(path)
    return delay_s


def time_of(template: Path, path: Path, operation: str) -> float:
    """Return how long the operation takes when nobody kills it."""
    shutil.copytree(template, path)
    begun = time.monotonic()
    take_part(operation, path)
    took_s = time.monotonic() - begun
    shutil.rmtree(path)
    return took_s


@pytest.mark.parametrize("operation", TAKES)
def test_a_kill_at_any_moment_neither_loses_nor_doubles_a_row(template: Path, tmp_path: Path, operation: str) -> None:
    rng = random.Random(operation)
    longest_s = time_of(template, tmp_path / "timed", operation)
    for number in range(KILLS):
        kill_once(template, tmp_path / str(number), operation, rng, longest_s)
