import json

import pytest


def test_show_tells_where_each_value_comes_from(firstlight_command, tmp_path):
    (tmp_path / "mine.toml").write_text("[hub]\nport = 5000\n")
    env = {"FIRSTLIGHT_HUB_TOKEN": "very-secret"}
    answer = firstlight_command("config", "show", "--config", "mine.toml", "--data", "lake", "--json", env=env)
    assert answer.returncode == 0
    found = {setting["path"]: setting for setting in json.loads(answer.stdout)["settings"]}
    assert found["hub.port"] == {"path": "hub.port", "value": 5000, "source": "mine.toml"}
    assert found["data_dir"]["value"] == str(tmp_path / "lake")
    assert found["hub.host"]["source"] == "default"
    assert "very-secret" not in answer.stdout


def test_show_for_people(here):
    answer = here("config", "show")
    assert any(line.split() == ["hub.port", "4318", "(default)"] for line in answer.stdout.splitlines())


def test_show_asks_the_hub_that_is_named(here, hub):
    answer = here("config", "show", "--url", hub.url, "--json")
    found = {setting["path"]: setting["value"] for setting in json.loads(answer.stdout)["settings"]}
    assert found["data_dir"] == str(hub.data)


def test_a_right_file_is_valid(firstlight_command, tmp_path):
    (tmp_path / "right.toml").write_text('[lake]\ndurability = "interval"\n')
    answer = firstlight_command("config", "check", "right.toml")
    assert (answer.returncode, answer.stdout) == (0, "right.toml is valid\n")


@pytest.mark.parametrize(
    ("content", "says"),
    [("[hub]\nport = 70000\n", "hub.port"), ("[hub]\nprot = 1\n", "did you mean"), ("[hub\n", "does not parse")],
)
def test_a_wrong_file_ends_with_1(here, tmp_path, content, says):
    file = tmp_path / "wrong.toml"
    file.write_text(content)
    answer = here("config", "check", str(file))
    assert answer.returncode == 1
    assert says in answer.stderr
    assert answer.stderr.count("\n") == 1
    verdict = json.loads(here("config", "check", str(file), "--json").stdout)
    assert verdict["valid"] is False
    assert says in f"{verdict['problems'][0]}"


def test_a_file_that_cannot_be_read_ends_with_2(here, tmp_path):
    answer = here("config", "check", str(tmp_path / "missing.toml"))
    assert answer.returncode == 2
    assert "missing.toml" in answer.stderr


@pytest.mark.parametrize("noun", [["status"], ["up"], ["doctor"], ["config", "show"]], ids=" ".join)
def test_wrong_settings_here_end_with_2(firstlight_command, noun):
    answer = firstlight_command(*noun, env={"FIRSTLIGHT_HUB_PORT": "many"})
    assert answer.returncode == 2
    assert "FIRSTLIGHT_HUB_PORT" in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_show_has_the_recorders_settings_and_says_what_is_not_heeded(firstlight_command):
    env = {
        "FIRSTLIGHT_PROFILE": "production",
        "OTEL_EXPORTER_OTLP_HEADERS": "api-key=very-secret",
        "OTEL_TRACES_SAMPLER": "jaeger_remote",
    }
    answer = firstlight_command("config", "show", "--json", env=env)
    found = {setting["path"]: setting for setting in json.loads(answer.stdout)["settings"]}
    assert found["recording.buffer.max_records"]["value"] == 20_000
    assert found["recording.buffer.max_records"]["source"] == "profile production"
    assert found["recording.otlp.headers"]["source"] == "OTEL_EXPORTER_OTLP_HEADERS"
    assert "very-secret" not in answer.stdout + answer.stderr
    assert "jaeger_remote" in answer.stderr


def test_a_yaml_file_is_checked(here, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("recording:\n  levle: info\n")
    answer = here("config", "check", str(file))
    assert answer.returncode == 1
    assert "mine.yaml:2" in answer.stderr
    assert "recording.level" in answer.stderr


def test_the_schema_is_printed(here):
    schema = json.loads(here("config", "schema").stdout)
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert "RecordingSettings" in schema["$defs"]
