import json
import signal
import subprocess
import sys
import urllib.request

from tests.cli.conftest import surroundings


def test_a_hub_starts_serves_and_ends_with_0(tmp_path, here):
    (tmp_path / "f.toml").write_text("[health]\ninterval_s = 1.5\n")
    options = ["--port", "0", "--data", "lake", "--no-host-metrics", "--config", "f.toml"]
    env = surroundings(tmp_path, PYTHONWARNINGS="")
    command = [sys.executable, "-m", "firstlight", "up", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env, cwd=tmp_path) as process:
        url = process.stdout.readline().split()[-1]
        with urllib.request.urlopen(f"{url}/livez", timeout=10) as answer:
            assert answer.read() == b"ok"
        shown = json.loads(here("config", "show", "--url", url, "--json").stdout)
        values = {setting["path"]: setting["value"] for setting in shown["settings"]}
        assert values["host.enabled"] is False
        assert values["health.interval_s"] == 1.5
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    assert (tmp_path / "lake").is_dir()


def test_a_port_in_use_ends_with_3(firstlight_command, hub):
    port = hub.url.rpartition(":")[2]
    answer = firstlight_command("up", "--port", port, "--data", "lake", env={"PYTHONWARNINGS": ""})
    assert answer.returncode == 3
    assert f"port {port} is in use" in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_a_data_directory_with_a_hub_ends_with_3(firstlight_command, hub):
    answer = firstlight_command("up", "--port", "0", "--data", str(hub.data), "--json", env={"PYTHONWARNINGS": ""})
    assert answer.returncode == 3
    assert hub.url in json.loads(answer.stdout)["error"]["message"]


def test_an_open_hub_needs_a_token(firstlight_command):
    answer = firstlight_command("up", "--port", "0", "--host", "0.0.0.0")
    assert answer.returncode == 2
    assert "FIRSTLIGHT_HUB_TOKEN" in answer.stderr
