import json
import os
import shutil
import socket

import pytest

from firstlight.app.hub_client import HubClient, parse_address
from firstlight.cli import checks

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


def checks_in(answer) -> dict[str, dict[str, str]]:
    found = json.loads(answer.stdout)
    assert found["ok"] is all(check["state"] != "fail" for check in found["checks"])
    assert all(check["fix"] for check in found["checks"] if check["state"] != "ok")
    return {check["name"]: check for check in found["checks"]}


def test_with_a_hub_all_is_well(firstlight_command, hub):
    answer = firstlight_command("doctor", "--data", str(hub.data), "--json")
    found = checks_in(answer)
    assert list(found) == CHECKS
    assert answer.returncode == 0
    assert hub.url in found["port"]["found"]
    assert hub.url in found["page"]["found"]
    assert " 10 spans" in found["lake"]["found"]


def test_for_people(here, hub):
    answer = here("doctor", "--data", str(hub.data))
    assert [line[6:20].strip() for line in answer.stdout.splitlines() if line[:2] != "  "][:-1] == CHECKS
    assert answer.stdout.endswith("all is well\n")


def test_a_foreign_server_on_the_port_ends_with_1(here, double):
    answer = here("doctor", "--url", double.url, "--json")
    found = checks_in(answer)
    assert answer.returncode == 1
    assert found["port"]["state"] == "fail"
    assert found["page"]["state"] == "fail"


def test_a_port_that_is_free_or_taken_by_something_silent():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        client = HubClient(parse_address(f"http://127.0.0.1:{taken.getsockname()[1]}"), timeout_s=0.2)
        taken.listen(1)
        assert checks.port(client).state == "fail"
        assert "in use" in checks.port(client).found
    assert checks.port(client).state == "ok"
    assert checks.page(client).state == "ok"


def test_a_lake_that_cannot_be_read(tmp_path):
    (tmp_path / "catalog.sqlite").write_bytes(b"this is no catalog" * 100)
    found = checks.lake(tmp_path)
    assert found.state == "fail"
    assert str(tmp_path) in found.fix


def test_a_data_directory_that_is_a_file(tmp_path):
    (tmp_path / "lake").write_text("")
    assert checks.directory(tmp_path / "lake").state == "fail"
    assert checks.directory(tmp_path / "lake" / "below").state == "fail"
    assert checks.directory(tmp_path / "new" / "below").state == "ok"
    assert checks.sync_speed(tmp_path / "new" / "below").state in ("ok", "warn")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_data_directory_without_permission(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    assert checks.directory(closed / "lake").state == "fail"


def test_too_little_room(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    for free, state in ((50 * 2**20, "fail"), (500 * 2**20, "warn"), (2**40, "ok")):
        monkeypatch.setattr(shutil, "disk_usage", lambda path, free=free: usage._replace(free=free))
        assert checks.space(tmp_path).state == state
