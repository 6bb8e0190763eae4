"""Servers that are no hub, or hubs in trouble."""

import json
import socket
import threading

import pytest

from firstlight.app.hub_client import parse_address

NOUNS = [["status"], ["health"], ["sql", "select 1"], ["events"], ["events", "--follow"], ["config", "show"]]


@pytest.mark.parametrize("noun", NOUNS, ids=" ".join)
@pytest.mark.parametrize("body", [b"<p>hello", b'{"hello": "world"}'], ids=["html", "json"])
def test_a_server_that_is_no_hub(here, double, noun, body):
    for path in ("status", "health", "sql", "events", "stream", "config"):
        double.answers[f"/api/{path}"] = (200, "application/json", body)
    answer = here(*noun, "--url", double.url)
    assert answer.returncode == 3
    assert answer.stdout == ""
    assert "Firstlight hub" in answer.stderr
    assert "--url" in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_a_server_that_does_not_speak_http(firstlight_command):
    def answer_once(listener: socket.socket) -> None:
        peer, _ = listener.accept()
        with peer:
            peer.sendall(b"SSH-2.0-OpenSSH_9\r\n")
            peer.recv(65536)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer_once, args=(listener,))
        thread.start()
        answer = firstlight_command("status", "--url", f"http://127.0.0.1:{listener.getsockname()[1]}")
        thread.join()
    assert answer.returncode == 3
    assert answer.stderr.count("\n") == 1


def test_a_server_that_is_silent(here, double):
    answer = here("status", "--url", f"{double.url}/slow", "--timeout", "0.2")
    assert answer.returncode == 3
    assert "0.2 s" in answer.stderr
    assert "--timeout" in answer.stderr
    answer = here("sql", "select 1", "--url", f"{double.url}/slow", "--timeout", "0.2")
    assert answer.returncode == 3
    assert "0.2 s" in answer.stderr


@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [
        (400, "BAD_QUERY", 2),
        (401, "BAD_USAGE", 2),
        (429, "UNAVAILABLE", 3),
        (503, "UNAVAILABLE", 3),
        (500, "NOT_REACHABLE", 3),
    ],
)
def test_what_a_hub_refuses(here, double, status, code, exit_code):
    refusal = {"status": "error", "error": {"code": "ANY", "message": "do that\ninstead"}}
    double.answers["/api/sql"] = (status, "application/json", json.dumps(refusal).encode())
    answer = here("sql", "select 1", "--url", double.url, "--json")
    assert answer.returncode == exit_code
    assert json.loads(answer.stdout)["error"]["code"] == code
    plain = here("sql", "select 1", "--url", double.url)
    assert plain.stderr.count("\n") == 1
    if status != 401:
        assert "do that instead" in plain.stderr


def test_an_unknown_host(here):
    answer = here("status", "--url", "http://no-such-host.invalid")
    assert answer.returncode == 3
    assert "no-such-host.invalid" in answer.stderr


def test_the_token_is_shown_to_the_hub_that_was_named(firstlight_command, double):
    firstlight_command("status", "--url", double.url, env={"FIRSTLIGHT_TOKEN": "from-environment"})
    firstlight_command("--token", "from-option", "status", "--url", double.url)
    firstlight_command("status", "--url", double.url, env={"FIRSTLIGHT_HUB_TOKEN": "of-the-hub-on-this-machine"})
    shown = [headers.get("Authorization") for _, headers in double.asked]
    assert shown == ["Bearer from-environment", "Bearer from-option", None]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("http://127.0.0.1:4318", "http://127.0.0.1:4318"),
        ("localhost", "http://localhost:4318"),
        ("localhost:99/", "http://localhost:99"),
        ("https://example.org/hub/", "https://example.org:443/hub"),
        ("http://[::1]:4318", "http://[::1]:4318"),
    ],
)
def test_addresses(text, address):
    assert str(parse_address(text)) == address
