"""``status`` and ``health`` over a real hub, over a data directory, and the choice between them."""

import json
import time

from tests.cli.conftest import Hub

STATUS = {
    "version",
    "time_ns",
    "started_ns",
    "uptime_s",
    "url",
    "pid",
    "data_dir",
    "health",
    "health_parts",
    "subsystems",
    "series",
    "host_series",
    "sources",
    "lake",
    "counters",
}


def healthy(double, score: float | None, state: str) -> None:
    overall = {"score": score, "state": state, "parts": [{"name": "cpu\x1b[31m", "score": score, "weight": 1.0}]}
    health = {"time_ns": 1, "overall": overall, "subsystems": {"host": overall}, "meta": {}}
    status = {"version": "9", "time_ns": 1, "health": overall, "health_parts": overall["parts"], "more": [1]}
    for path, answer in {"/api/health": health, "/api/status": status}.items():
        double.answers[path] = (200, "application/json", json.dumps(answer).encode())


def test_status_of_a_hub_has_the_shape_of_the_interface(here, hub: Hub):
    deadline = time.monotonic() + 20
    found: dict = {"host_series": 0, "health": {"score": None}}
    while (found["host_series"] < 20 or found["health"]["score"] is None) and time.monotonic() < deadline:
        answer = here("status", "--json", "--url", hub.url)
        assert answer.returncode == 0
        found = json.loads(answer.stdout)
    assert set(found) >= STATUS
    assert 0 <= found["health"]["score"] <= 1
    assert found["host_series"] >= 20
    assert found["health_parts"]
    assert all(part["evidence"] for part in found["health_parts"])


def test_status_for_people(here, hub):
    answer = here("status", "--url", hub.url)
    assert answer.returncode == 0
    assert f"the hub at {hub.url} (pid {hub.process.pid})" in answer.stdout
    assert str(hub.data) in answer.stdout
    assert "host_" not in answer.stdout.split("series")[0] or "of this host" in answer.stdout


def test_a_path_or_a_slash_at_the_end_of_the_url(here, hub, double):
    assert here("status", "--url", hub.url + "/").returncode == 0
    assert here("status", "--url", hub.url.removeprefix("http://")).returncode == 0
    healthy(double, 0.5, "degraded")
    double.answers["/behind/proxy/api/status"] = double.answers["/api/status"]
    assert here("status", "--url", double.url + "/behind/proxy/").returncode == 0
    assert double.asked[-1][0] == "/behind/proxy/api/status"


def test_status_of_a_data_directory_has_the_same_shape(here, data):
    answer = here("status", "--json", "--data", str(data))
    assert answer.returncode == 0
    found = json.loads(answer.stdout)
    assert set(found) == STATUS
    assert found["url"] is None
    assert found["series"] == found["host_series"] == 3
    senders = {sender["service"]: sender["signals"] for sender in found["sources"]}
    assert senders == {
        "demo": {"events": 100, "spans": 10, "samples": 0},
        "host": {"events": 0, "spans": 0, "samples": 180},
    }


def test_health_of_a_data_directory_is_worked_out_from_it(here, data):
    answer = here("health", "--json", "--data", str(data))
    report = json.loads(answer.stdout)
    assert answer.returncode == (1 if report["overall"]["state"] == "critical" else 0)
    cpu = next(part for part in report["subsystems"]["host"]["parts"] if part["name"] == "cpu")
    assert cpu["value"] == 0.25
    assert cpu["evidence"]


def test_health_shows_parts_weights_and_evidence(here, hub):
    answer = here("health", "--url", hub.url)
    assert answer.stdout.startswith("overall: ")
    assert "\nhost: " in answer.stdout
    assert "%" in answer.stdout


def test_only_critical_health_ends_with_1(here, double):
    for score, state, code in ((0.1, "critical", 1), (0.4, "degraded", 0), (None, "unknown", 0), (1.0, "optimal", 0)):
        healthy(double, score, state)
        for noun in ("status", "health"):
            assert here(noun, "--url", double.url).returncode == code


def test_what_the_hub_says_cannot_steer_the_terminal(here, double):
    healthy(double, 0.9, "optimal")
    answer = here("health", "--url", double.url)
    assert "\x1b" not in answer.stdout
    assert "cpu\\x1b[31m" in answer.stdout


def test_json_passes_on_what_it_does_not_know(here, double):
    healthy(double, 0.9, "optimal")
    assert json.loads(here("status", "--json", "--url", double.url).stdout)["more"] == [1]


def test_the_hub_of_a_data_directory_is_asked(here, hub):
    answer = here("status", "--json", "--data", str(hub.data))
    assert json.loads(answer.stdout)["url"] == hub.url


def test_with_no_place_named_the_usual_hub_is_asked(firstlight_command, hub):
    answer = firstlight_command("status", "--json", env={"FIRSTLIGHT_URL": hub.url})
    assert json.loads(answer.stdout)["url"] == hub.url
    assert answer.stderr == ""
    port = hub.url.rpartition(":")[2]
    assert (
        json.loads(firstlight_command("status", "--json", env={"FIRSTLIGHT_HUB_PORT": port}).stdout)["url"] == hub.url
    )


def test_without_a_hub_the_usual_data_directory_answers_and_says_so(firstlight_command, hub, data, double):
    nobody = {"FIRSTLIGHT_URL": "http://127.0.0.1:1"}
    answer = firstlight_command("sql", "select count(*) from spans", env={**nobody, "FIRSTLIGHT_DATA_DIR": str(data)})
    assert answer.stdout == "10\n"
    assert f"answering from the data directory {data}" in answer.stderr
    answer = firstlight_command("sql", "select 1", env={**nobody, "FIRSTLIGHT_DATA_DIR": str(hub.data)})
    assert f"answering from the hub at {hub.url}" in answer.stderr
    answer = firstlight_command("sql", "select 1", env={"FIRSTLIGHT_URL": double.url, "FIRSTLIGHT_DATA_DIR": str(data)})
    assert answer.stdout == "1\n"
    answer = firstlight_command("sql", "select 1", env=nobody)
    assert answer.returncode == 3
    assert "firstlight up" in answer.stderr
