import json
import os
import socket

import pytest

CHECKS = [
    "python",
    "packages",
    "engine",
    "clock",
    "data directory",
    "free space",
    "disk sync",
    "lake",
    "port",
    "page",
]


def checks(answer) -> dict[str, dict[str, str]]:
    found = json.loads(answer.stdout)
    assert found["ok"] is all(check["state"] != "fail" for check in found["checks"])
    assert all(check["fix"] for check in found["checks"] if check["state"] != "ok")
    return {check["name"]: check for check in found["checks"]}


def test_with_a_hub_all_is_well(firstlight_command, hub):
    answer = firstlight_command("doctor", "--data", str(hub.data), "--json")
    found = checks(answer)
    assert list(found) == CHECKS
    assert answer.returncode == 0
    assert hub.url in found["port"]["found"]
    assert hub.url in found["page"]["found"]
    assert "100 events" in found["lake"]["found"] or "events" in found["lake"]["found"]


def test_for_people(firstlight_command, hub):
    answer = firstlight_command("doctor", "--data", str(hub.data))
    assert [line[6:20].strip() for line in answer.stdout.splitlines() if line[:2] != "  "][:-1] == CHECKS
    assert answer.stdout.endswith("all is well\n")


def test_a_foreign_server_on_the_port(firstlight_command, double):
    answer = firstlight_command("doctor", "--url", double.url, "--json")
    found = checks(answer)
    assert answer.returncode == 1
    assert found["port"]["state"] == "fail"
    assert found["page"]["state"] == "fail"


def test_a_port_that_is_taken_by_something_silent(firstlight_command):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        answer = firstlight_command("doctor", "--url", url, "--timeout", "0.2", "--json")
    assert answer.returncode == 1
    assert "in use" in checks(answer)["port"]["found"]


def test_a_lake_that_cannot_be_read(firstlight_command, tmp_path):
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "catalog.sqlite").write_bytes(b"this is no catalog" * 100)
    answer = firstlight_command("doctor", "--data", str(tmp_path / "lake"), "--json")
    assert answer.returncode == 1
    assert checks(answer)["lake"]["state"] == "fail"


def test_a_data_directory_that_is_a_file(firstlight_command, tmp_path):
    (tmp_path / "lake").write_text("")
    answer = firstlight_command("doctor", "--data", str(tmp_path / "lake"), "--json")
    assert answer.returncode == 1
    assert checks(answer)["data directory"]["state"] == "fail"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_data_directory_without_permission(firstlight_command, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    answer = firstlight_command("doctor", "--data", str(closed / "lake"), "--json")
    assert answer.returncode == 1
    assert checks(answer)["data directory"]["state"] == "fail"
