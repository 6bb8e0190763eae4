import subprocess
import sys
from pathlib import Path

import pytest

from firstlight.app.settings import load, recording
from firstlight.errors import ConfigError

YAML = """
hub:
  port: 5000
recording:
  profile: debug
  levels:
    pulse: warn
  output:
    formats: [json, csv]
"""


@pytest.mark.parametrize("suffix", [".yaml", ".yml"])
def test_yaml_is_read(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"mine{suffix}"
    file.write_text(YAML)
    settings = load(config=file, environ={}).settings
    assert settings.hub.port == 5000
    assert settings.recording.levels == {"pulse": "warn"}
    assert settings.recording.output.formats == ("json", "csv")
    assert settings.recording.buffer.max_records == 2000


def test_an_empty_yaml_file_says_nothing(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("# nothing\n")
    assert load(config=file, environ={}) == load(environ={}, directory=tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("a.toml", "# recording\n[hub]\nport = 1\n[recording.metrics]\n\ninterval_s = 0\n", ":6"),
        ("a.toml", "[recording]\nmetrics.interval_s = 0\n", ":2"),
        ("a.toml", "[recording]\nmetrics = {max_lines = 3, interval_s = 0}\n", ":2"),
        ("a.yaml", "hub:\n  port: 1\nrecording:\n  metrics:\n    interval_s: 0\n", ":5"),
        ("a.json", '{\n"recording": {\n"metrics":\n{"interval_s":\n0}}}', ":4"),
        # Which of the two it is cannot be told cheaply, so nothing is claimed.
        ("a.toml", "[recording.metrics]\ninterval_s = 0\n[host]\ninterval_s = 2\n", ""),
    ],
)
def test_a_wrong_value_is_named_with_its_line(tmp_path: Path, name: str, text: str, place: str) -> None:
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(ConfigError) as raised:
        load(config=file, environ={})
    assert raised.value.path == "recording.metrics.interval_s"
    assert raised.value.source == f"{file}{place}"
    assert raised.value.problem == "expected `float` > 0.0, not 0"


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("a.yaml", "hub: [", "does not parse"),
        ("a.yaml", "- hub", "an object at the top"),
        ("a.json", "[]", "an object at the top"),
        ("a.yaml", "recording: {levl: info}", r"did you mean recording\.level"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, name: str, text: str, problem: str) -> None:
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(ConfigError, match=problem):
        recording(config=file, environ={})


def test_without_pyyaml_it_is_said_what_to_install(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(YAML)
    program = (
        "import sys; sys.modules['yaml'] = None\n"
        "from firstlight.app.settings import recording\n"
        f"recording(config={str(file)!r}, environ={{}})"
    )
    outcome = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "ConfigError" in outcome.stderr
    assert "pip install pyyaml" in outcome.stderr


def test_configuring_loads_neither_yaml_nor_numpy() -> None:
    program = (
        "import sys, firstlight\n"
        "firstlight.configure('shop', profile='production', config={'recording': {'level': 'warn'}}, enabled=False)\n"
        "print(*sys.modules.keys() & {'yaml', 'numpy', 'pyarrow', 'duckdb', 'tomllib', 'difflib'})"
    )
    outcome = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert outcome.stdout.split() == []
