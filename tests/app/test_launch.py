import sys
from pathlib import Path

import pytest

from firstlight.app.launch import BOOTSTRAP, Telling, command_line, surroundings
from firstlight.errors import ConfigError, UsageError


def test_modules_code_scripts_and_archives_are_for_python(tmp_path: Path) -> None:
    script = tmp_path / "job.py"
    script.touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "__main__.py").touch()
    plain = tmp_path / "no-suffix"
    plain.touch()
    assert command_line(["-m", "shop", "-x"]) == [sys.executable, "-m", "shop", "-x"]
    assert command_line(["-c", "pass"]) == [sys.executable, "-c", "pass"]
    for path in (script, tmp_path / "folder", plain):
        assert command_line([str(path), "a"]) == [sys.executable, str(path), "a"]


def test_everything_else_is_what_the_path_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "serve"
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command_line(["serve", "--port", "1"]) == [str(program), "--port", "1"]
    assert command_line([str(program)]) == [str(program)]
    with pytest.raises(UsageError, match="no program 'server'"):
        command_line(["server"])


def test_what_is_said_is_in_the_environment_and_the_rest_stays(tmp_path: Path) -> None:
    config = tmp_path / "telemetry.json"
    config.write_text("{}")
    said = Telling(profile="debug", config=config, service="shop", data=tmp_path / "lake", token="a-secret")
    found = surroundings(said, {"HOME": "/home", "FIRSTLIGHT_ENDPOINT": "http://old", "PYTHONPATH": "/a:/b"})
    assert found == {
        "HOME": "/home",
        "FIRSTLIGHT_RECORDING_PROFILE": "debug",
        "FIRSTLIGHT_CONFIG": str(config),
        "FIRSTLIGHT_SERVICE": "shop",
        "FIRSTLIGHT_DATA_DIR": str(tmp_path / "lake"),
        "FIRSTLIGHT_TOKEN": "a-secret",
        "PYTHONPATH": f"{BOOTSTRAP}:/a:/b",
    }
    assert surroundings(Telling(), found) == found, "once is enough"


def test_an_endpoint_replaces_a_directory() -> None:
    found = surroundings(Telling(endpoint="http://hub:4318"), {"FIRSTLIGHT_DATA_DIR": "/lake"})
    assert found == {"FIRSTLIGHT_ENDPOINT": "http://hub:4318", "PYTHONPATH": str(BOOTSTRAP)}


def test_paths_are_absolute_as_the_program_may_go_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.toml").touch()
    found = surroundings(Telling(config=Path("own.toml"), data=Path("lake")), {})
    assert found["FIRSTLIGHT_CONFIG"] == str(tmp_path / "own.toml")
    assert found["FIRSTLIGHT_DATA_DIR"] == str(tmp_path / "lake")


def test_disabled_nothing_is_put_into_the_program() -> None:
    assert surroundings(Telling(enabled=False), {"A": "1"}) == {"A": "1", "FIRSTLIGHT_RECORDING_ENABLED": "false"}


def test_a_settings_file_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="gone.toml"):
        surroundings(Telling(config=tmp_path / "gone.toml"), {})


def test_the_bootstrap_holds_a_sitecustomize_and_nothing_that_hides_another_module() -> None:
    assert [path.name for path in BOOTSTRAP.iterdir() if path.name != "__pycache__"] == ["sitecustomize.py"]
