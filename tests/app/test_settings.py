import json
from pathlib import Path

import msgspec
import pytest

from firstlight.app.layers import MASK
from firstlight.app.settings import LEAVES, default_data_dir, is_loopback, json_schema, load, recording
from firstlight.errors import ConfigError


def value_and_source(resolved, path: str):
    return next((shown.value, shown.source) for shown in resolved.shown() if shown.path == path)


def test_later_layers_win_and_each_value_knows_its_source(tmp_path: Path) -> None:
    file = tmp_path / "firstlight.toml"
    file.write_text('[hub]\nport = 1\nhost = "localhost"\n[health]\ninterval_s = 9\n[lake]\ndurability = "never"')
    environ = {"FIRSTLIGHT_HUB_PORT": "2", "FIRSTLIGHT_HEALTH_INTERVAL_S": "8", "HOME": "/home/me"}
    resolved = load({"hub.port": 3, "hub.host": None}, environ=environ, directory=tmp_path)
    assert value_and_source(resolved, "hub.port") == (3, "argument")
    assert value_and_source(resolved, "health.interval_s") == (8.0, "FIRSTLIGHT_HEALTH_INTERVAL_S")
    assert value_and_source(resolved, "hub.host") == ("localhost", str(file))
    assert value_and_source(resolved, "lake.durability") == ("never", str(file))
    assert value_and_source(resolved, "host.enabled") == (True, "default")
    assert resolved.settings.hub.port == 3


def test_a_named_file_stands_in_for_the_usual_one(tmp_path: Path) -> None:
    (tmp_path / "firstlight.toml").write_text("[hub]\nport = 1")
    other = tmp_path / "other.json"
    other.write_text(json.dumps({"hub": {"port": 2}, "health": {"packs": ["host"]}}))
    by_argument = load(config=other, environ={}, directory=tmp_path)
    by_environment = load(environ={"FIRSTLIGHT_CONFIG": str(other)}, directory=tmp_path)
    assert by_argument == by_environment
    assert (by_argument.settings.hub.port, by_argument.settings.health.packs) == (2, ("host",))


@pytest.mark.parametrize(
    ("text", "path", "problem"),
    [
        ("[hub]\nprot = 1", "hub.prot", "did you mean hub.port"),
        ("[hbu]\nport = 1", "hbu.port", "did you mean hub.port"),
        ("hub = 1", "hub", "group"),
        ("[hub.port]\nx = 1", "hub.port", "expected `int`"),
        ('[hub]\nport = "1"', "hub.port", "not '1'"),
        ("[hub]\nport = 65536", "hub.port", "<= 65535"),
        ('[lake]\ndurability = "sometimes"', "lake.durability", "sometimes"),
        ("[hub", "config", "does not parse"),
        ('[hub]\nhost = "0.0.0.0"', "hub.token", "needs a token"),
        ('[hub]\ntoken = "short"', "hub.token", "characters or more"),
    ],
)
def test_a_mistake_in_a_file_is_named_with_the_way_out(tmp_path: Path, text, path, problem) -> None:
    file = tmp_path / "firstlight.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=problem) as raised:
        load(environ={}, directory=tmp_path)
    assert raised.value.path == path
    assert raised.value.source.partition(f"{file}:")[0] in ("", str(file), "default")


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({"FIRSTLIGHT_HUB_PROT": "1"}, "did you mean FIRSTLIGHT_HUB_PORT"),
        ({"FIRSTLIGHT_HUB_PORT": "many"}, "FIRSTLIGHT_HUB_PORT"),
        ({"FIRSTLIGHT_HOST_ENABLED": "perhaps"}, "expected `bool`"),
        ({"FIRSTLIGHT_CONFIG": "/no/such/file"}, "no such file"),
    ],
)
def test_a_mistake_in_the_environment_is_named(tmp_path: Path, environ, problem) -> None:
    with pytest.raises(ConfigError, match=problem):
        load(environ=environ, directory=tmp_path)


def test_a_mistake_in_the_arguments_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"did you mean hub\.port"):
        load({"hub.prt": 1}, environ={}, directory=tmp_path)


def test_text_of_the_environment_gets_the_settings_type(tmp_path: Path) -> None:
    environ = {
        "FIRSTLIGHT_HOST_ENABLED": "false",
        "FIRSTLIGHT_HEALTH_PACKS": "host, mine.toml,",
        "FIRSTLIGHT_HOST_INTERVAL_S": "2",
        "FIRSTLIGHT_HUB_TOKEN": "1234567890",
    }
    settings = load(environ=environ, directory=tmp_path).settings
    assert settings.host.enabled is False
    assert settings.health.packs == ("host", "mine.toml")
    assert settings.host.interval_s == 2.0
    assert settings.hub.token == "1234567890"


def test_what_others_put_into_the_environment_does_no_harm(tmp_path: Path) -> None:
    environ = {
        "FIRSTLIGHT_HUB_PORT": "tcp://10.0.0.7:4318",  # Kubernetes, for a service called firstlight-hub
        "FIRSTLIGHT_HUB_PORT_4318_TCP_ADDR": "10.0.0.7",
        "FIRSTLIGHT_HUB_SERVICE_HOST": "10.0.0.7",
        "FIRSTLIGHT_SERVICE": "my-program",
        "FIRSTLIGHT_LEVEL": "debug",
    }
    assert load(environ=environ, directory=tmp_path).settings.hub.port == 4318


def test_secrets_are_masked_even_in_errors(tmp_path: Path) -> None:
    resolved = load({"hub.token": "very-secret-text"}, environ={}, directory=tmp_path)
    assert value_and_source(resolved, "hub.token") == (MASK, "argument")
    assert value_and_source(load(environ={}, directory=tmp_path), "hub.token") == ("", "default")
    (tmp_path / "firstlight.toml").write_text("[hub]\ntoken = 123456789")
    with pytest.raises(ConfigError) as raised:
        load(environ={}, directory=tmp_path)
    assert "123456789" not in str(raised.value)


def test_data_is_in_one_place_per_user() -> None:
    assert default_data_dir({"XDG_DATA_HOME": "/data"}) == Path("/data/firstlight")
    assert default_data_dir({"HOME": "/home/me"}) == Path("/home/me/.local/share/firstlight")
    settings = load({"data_dir": "lake"}, environ={"HOME": "/home/me"}).settings
    assert settings.data_path == Path("lake").absolute()


@pytest.mark.parametrize(
    ("host", "expected"), [("localhost", True), ("127.0.0.2", True), ("::1", True), ("0.0.0.0", False), ("::", False)]
)
def test_loopback_is_known(host, expected) -> None:
    assert is_loopback(host) is expected


def test_the_schema_knows_every_setting_and_its_words() -> None:
    schema = json_schema()
    text = json.dumps(schema)
    assert all(f'"{path.rsplit(".", 1)[-1]}"' in text for path in LEAVES)
    assert all(leaf.description for leaf in LEAVES.values())
    assert msgspec.json.encode(schema)


def test_the_published_schema_is_the_one_of_the_code() -> None:
    published = Path(__file__).parents[2] / "docs" / "settings.schema.json"
    assert json.loads(published.read_text()) == json.loads(msgspec.json.encode(json_schema()))


def test_the_schema_says_what_is_secret_and_what_is_live() -> None:
    groups = json_schema()["$defs"]
    assert groups["OtlpSettings"]["properties"]["headers"]["writeOnly"]
    assert groups["RecordingSettings"]["properties"]["level"]["live"]
    assert "live" not in groups["RecordingSettings"]["properties"]["endpoint"]
    assert not groups["RecordingSettings"]["additionalProperties"]


def test_a_recording_process_takes_arguments_before_the_environment() -> None:
    environ = {
        "FIRSTLIGHT_SERVICE": "ours",
        "OTEL_SERVICE_NAME": "theirs",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x:4318",
        "FIRSTLIGHT_LEVEL": "",
    }
    by_environment = recording(environ=environ)
    assert by_environment.settings.recording.service == "ours"
    assert by_environment.settings.recording.endpoint == "http://x:4318"
    assert by_environment.sources["recording.level"] == "default"
    given = recording({"service": "given", "level": "DEBUG"}, environ=environ)
    assert value_and_source(given, "recording.service") == ("given", "argument")
    assert value_and_source(given, "recording.level") == ("debug", "argument")


def test_every_layer_lies_over_the_one_before(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"recording": {"profile": "production", "metrics": {"interval_s": 7}}}))
    recorder = recording(config=file, environ={})
    assert value_and_source(recorder, "recording.buffer.max_records") == (20_000, "profile production")
    assert value_and_source(recorder, "recording.metrics.interval_s") == (7.0, str(file))
    environ = {"FIRSTLIGHT_PROFILE": "high_performance", "FIRSTLIGHT_LEVEL": "error"}
    over = recording({"buffer.max_records": 5}, file, environ=environ)
    assert value_and_source(over, "recording.profile") == ("high_performance", "FIRSTLIGHT_PROFILE")
    assert value_and_source(over, "recording.level") == ("error", "FIRSTLIGHT_LEVEL")
    assert value_and_source(over, "recording.metrics.interval_s") == (7.0, str(file))
    assert value_and_source(over, "recording.buffer.max_records") == (5, "argument")
    assert value_and_source(over, "recording.sampling.trace_ratio") == (0.1, "profile high_performance")


def test_the_full_name_of_a_variable_wins_over_the_short_one() -> None:
    for environ in (
        {"FIRSTLIGHT_LEVEL": "warn", "FIRSTLIGHT_RECORDING_LEVEL": "error"},
        {"FIRSTLIGHT_RECORDING_LEVEL": "error", "FIRSTLIGHT_LEVEL": "warn"},
    ):
        assert value_and_source(recording(environ=environ), "recording.level") == (
            "error",
            "FIRSTLIGHT_RECORDING_LEVEL",
        )


def test_a_recording_process_cares_for_its_own_settings_only() -> None:
    environ = {"FIRSTLIGHT_HUB_PORT": "many", "FIRSTLIGHT_SERVICE": "shop"}
    assert recording(environ=environ).settings.recording.service == "shop"
    with pytest.raises(ConfigError, match="FIRSTLIGHT_HUB_PORT"):
        load(environ=environ)


def test_who_merely_records_gets_the_rest_of_a_bad_environment(tmp_path: Path) -> None:
    environ = {
        "FIRSTLIGHT_LEVEL": "loudly",
        "FIRSTLIGHT_LEVLE": "info",
        "FIRSTLIGHT_PROFILE": "no such",
        "FIRSTLIGHT_SERVICE": "shop",
        "FIRSTLIGHT_CONFIG": str(tmp_path / "missing.toml"),
    }
    resolved = recording(environ=environ, strict=False)
    assert resolved.settings.recording.service == "shop"
    assert resolved.settings.recording.level == "info"
    said = " ".join(resolved.remarks)
    assert all(word in said for word in ("loudly", "did you mean FIRSTLIGHT_LEVEL", "no such file", "profile"))
    with pytest.raises(ConfigError):
        recording(environ=environ)


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({"level": "loudly"}, "recording.level"),
        ({"levels": {"a": "loudly"}}, "recording.levels"),
        ({"subsystems": {"a": {"level": "loudly"}}}, "recording.subsystems"),
        ({"subsystems": {"a": {"lvl": "info"}}}, "recording.subsystems"),
        ({"endpoint": "nonsense"}, "recording.endpoint"),
        ({"output.formats": ["xml"]}, "recording.output.formats"),
        ({"sampling.trace_ratio": 1.5}, "recording.sampling.trace_ratio"),
        ({"buffer.max_records": 0}, "recording.buffer.max_records"),
        ({"redaction.patterns": {"a": "("}}, "recording.redaction.patterns"),
        ({"redaction.pseudonyms": ["email"]}, "recording.redaction.pseudonyms"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_its_path(arguments, path) -> None:
    with pytest.raises(ConfigError) as raised:
        recording(arguments, environ={})
    assert (raised.value.path, raised.value.source) == (path, "argument")


def test_maps_and_lists_in_variables() -> None:
    environ = {
        "FIRSTLIGHT_RECORDING_LEVELS": "pulse=debug, orders.checkout=WARN",
        "FIRSTLIGHT_FORMATS": "json, prometheus",
        "FIRSTLIGHT_RECORDING_SUBSYSTEMS": '{"memory": {"enabled": false}}',
        "FIRSTLIGHT_RECORDING_SAMPLING_EVENT_RATIOS": "orders:seen=0.5",
    }
    settings = recording({"levels": {"pulse": "error"}}, environ=environ).settings.recording
    assert settings.levels == {"pulse": "error", "orders.checkout": "warn"}
    assert settings.output.formats == ("json", "prometheus")
    assert not settings.subsystems["memory"].enabled
    assert settings.sampling.event_ratios == {"orders:seen": 0.5}


def test_naming_another_place_leaves_the_one_below_it() -> None:
    environ = {"FIRSTLIGHT_DATA_DIR": "/lake"}
    there = recording({"endpoint": "http://other:1"}, environ=environ).settings.recording
    assert (there.endpoint, there.data) == ("http://other:1", "")
    both = recording({}, {"recording": {"endpoint": "http://other:1", "data": "/lake"}}, environ={}).settings.recording
    assert (both.endpoint, both.data) == ("http://other:1", "/lake")


def test_secrets_of_a_recorder_are_shown_nowhere() -> None:
    secret = "pa55w0rd"
    given = {
        "otlp.headers": {"authorization": secret},
        "otlp.token": secret,
        "redaction.pseudonym_key": secret,
        "endpoint": f"http://me:{secret}@receiver:1",
    }
    resolved = recording(given, environ={"FIRSTLIGHT_RECORDING_OTLP_SIGNAL_HEADERS": '{"logs": {"k": "pa55w0rd"}}'})
    assert secret not in f"{resolved.shown()} {resolved!r} {resolved.settings}"
    assert resolved.settings.recording.otlp.headers == {"authorization": secret}
    for wrong in (
        {"otlp.headers": secret},
        {"otlp.headers": {"a": [secret]}},
        {"otlp.token": [secret]},
        {"endpoint": f"ftp://me:{secret}@receiver"},
    ):
        with pytest.raises(ConfigError) as raised:
            recording(wrong, environ={})
        assert secret not in f"{raised.value} {raised.value!r}"
