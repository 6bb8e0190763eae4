"""docs/compat.md says what is true."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from firstlight.app.collector import COORDINATION, HEALTH, HOOK_TYPES, MESSAGING
from firstlight.app.layers import leaves
from firstlight.app.process_health import judge
from firstlight.compat import bridge, dawn, utilityfog
from firstlight.compat.bridge.configuration import BridgeConfig, LoopDetection
from firstlight.compat.bridge.errors import CODES
from firstlight.compat.dawn.configuration import VARIABLES
from firstlight.stats.tally import READINGS

PAGE = (Path(__file__).parents[2] / "docs" / "compat.md").read_text()
SECTIONS = {part.partition("\n")[0]: part for part in PAGE.split("\n## ")[1:]}

SECTIONS_OF = [(dawn, "DAWN (000)"), (bridge, "Bridge (002)"), (utilityfog, "UtilityFog (004)")]


@pytest.mark.parametrize(("module", "section"), SECTIONS_OF)
def test_every_name_is_in_its_table(module, section: str) -> None:
    text = SECTIONS[section]
    assert [name for name in module.__all__ if not re.search(rf"`{name}\b", text)] == []


def test_the_variables_are_named() -> None:
    assert [name for name in VARIABLES if f"`_{name.rpartition('_')[2]}`" not in PAGE and name not in PAGE] == []


def test_what_the_bridge_is_told_and_answers_is_in_its_tables() -> None:
    text = SECTIONS["Bridge (002)"]
    assert [code for code in CODES if f"| `{code}` |" not in text] == []
    paths = {leaf.path: f"`.{leaf.path.partition('.')[2]}`" for leaf in leaves(BridgeConfig)}
    assert [path for path, short in paths.items() if f"`{path}`" not in text and short not in text] == []
    assert [name for name in READINGS if f"`{name}`" not in text] == []
    limits = LoopDetection()
    assert f"`.window_s` | {limits.max_repeats}, {limits.window_s:g} |" in text


def test_hooks_sets_and_their_metrics_are_named() -> None:
    text = SECTIONS["The collector"]
    assert [name for name in HOOK_TYPES if f"| `{name}` |" not in text] == []
    for observed in (COORDINATION, MESSAGING, HEALTH):
        names = [metric.name for metric in observed.metrics] + [rule.event for rule in observed.rules]
        assert [name for name in names if f"`{name}`" not in text] == []


def test_the_points_of_the_scores_are_those_of_the_code() -> None:
    for points in (judge.SHARE_SCORE, judge.SLOWER_SCORE, judge.SILENCE_SCORE):
        assert ", ".join(f"{figure:g} → {score:g}" for figure, score in points) in SECTIONS["The health of a process"]


def test_the_example_runs(tmp_path: Path) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    environment = {"PATH": "", "FIRSTLIGHT_FORMATS": "json", "PYTHONPATH": ":".join(sys.path)}
    outcome = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "", "")
    text = (tmp_path / "state" / "metrics.prom").read_text()
    assert "queue_length 3\n" in text
    assert "health_status 1\n" in text
    assert "telemetry_collection_runs_total 1\n" in text
    metrics = "".join(path.read_text() for path in (tmp_path / "runtime/telemetry/json").glob("metrics-*"))
    assert '"name":"queue_length"' in metrics
