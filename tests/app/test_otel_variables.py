import pytest

from firstlight.app.otel_variables import HONOURED, NOT_HONOURED
from firstlight.app.settings import recording


def by(**environ: str):
    return recording(environ=environ)


@pytest.mark.parametrize(
    ("variable", "text", "path", "value"),
    [
        ("OTEL_SDK_DISABLED", "TRUE", "enabled", False),
        ("OTEL_SDK_DISABLED", "yes", "enabled", True),
        ("OTEL_SERVICE_NAME", "shop", "service", "shop"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=shop,zone=a%20b", "service", "shop"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=shop,zone=a%20b", "attributes", {"zone": "a b"}),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318/x", "endpoint", "http://c:4318/x"),
        ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://c/l", "otlp.endpoints", {"logs": "http://c/l"}),
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%3Db, x = y", "otlp.headers", {"api-key": "a=b", "x": "y"}),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "k=v", "otlp.signal_headers", {"traces": {"k": "v"}}),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf", "otlp.protocol", "protobuf"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "otlp.protocol", "json"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500", "otlp.timeout_s", 2.5),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "none", "otlp.compression", "none"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem", "otlp.certificate_file", "/ca.pem"),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/c.pem", "otlp.client_certificate_file", "/c.pem"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/k.pem", "otlp.client_key_file", "/k.pem"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "60000", "metrics.interval_s", 60.0),
        ("OTEL_TRACES_SAMPLER", "always_off", "sampling.trace_ratio", 0.0),
        ("OTEL_TRACES_SAMPLER", "parentbased_always_off", "sampling.keep_failed_traces", False),
        ("OTEL_LOGS_EXPORTER", "none", "signals", ("spans", "metrics")),
        ("OTEL_TRACES_EXPORTER", "otlp", "signals", ("events", "spans", "metrics")),
    ],
)
def test_what_is_honoured(variable: str, text: str, path: str, value: object) -> None:
    assert variable in HONOURED
    resolved = by(**{variable: text})
    assert resolved.value(f"recording.{path}") == value
    assert resolved.sources[f"recording.{path}"] in {variable, "default"}
    assert resolved.remarks == ()


def test_a_sampler_takes_its_argument() -> None:
    resolved = by(OTEL_TRACES_SAMPLER="parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG="0.25")
    assert resolved.settings.recording.sampling.trace_ratio == 0.25
    assert by(OTEL_TRACES_SAMPLER="traceidratio").settings.recording.sampling.trace_ratio == 1.0


def test_the_services_own_variable_wins_over_the_attribute() -> None:
    resolved = by(OTEL_RESOURCE_ATTRIBUTES="service.name=one", OTEL_SERVICE_NAME="two")
    assert resolved.settings.recording.service == "two"


def test_endpoints_of_several_signals() -> None:
    resolved = by(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="http://t/a", OTEL_EXPORTER_OTLP_LOGS_ENDPOINT="http://l/b")
    assert resolved.settings.recording.otlp.endpoints == {"traces": "http://t/a", "logs": "http://l/b"}


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "nonsense"),
        ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "nonsense"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "s3cret"),
        ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "-1"),
        ("OTEL_TRACES_EXPORTER", "console"),
        ("OTEL_PROPAGATORS", "b3,tracecontext"),
        *((name, "1") for name in NOT_HONOURED),
    ],
)
def test_what_is_not_heeded_is_said_and_does_no_harm(variable: str, text: str) -> None:
    resolved = by(**{variable: text})
    (remark,) = resolved.remarks
    assert variable in remark
    assert "s3cret" not in remark
    assert resolved.settings == recording(environ={}).settings


def test_a_sampler_with_a_wrong_argument_is_ignored() -> None:
    resolved = by(OTEL_TRACES_SAMPLER="traceidratio", OTEL_TRACES_SAMPLER_ARG="2")
    assert "OTEL_TRACES_SAMPLER_ARG" in resolved.remarks[0]
    assert resolved.settings.recording.sampling.trace_ratio == 1.0


def test_ours_win() -> None:
    theirs = {"OTEL_SERVICE_NAME": "theirs", "OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_HEADERS": "a=1,b=1"}
    ours = {
        "FIRSTLIGHT_SERVICE": "ours",
        "FIRSTLIGHT_ENABLED": "true",
        "FIRSTLIGHT_RECORDING_OTLP_HEADERS": "b=2",
        "FIRSTLIGHT_DATA_DIR": "/lake",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:1",
    }
    settings = recording(environ=theirs | ours).settings.recording
    assert (settings.service, settings.enabled, settings.endpoint) == ("ours", True, "")
    assert settings.otlp.headers == {"a": "1", "b": "2"}
