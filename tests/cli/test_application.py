import json
import socket
import subprocess
import sys

import pytest

from firstlight.cli.application import NOUNS
from firstlight.native import loops
from tests.cli.conftest import surroundings

HEAVY = {"duckdb", "numpy", "pyarrow", "litestar", "uvicorn", "rich", "psutil", "msgspec", "http.client", "ssl"}
COMMANDS = [*([noun] for noun in NOUNS), [], ["config", "show"], ["config", "check"], ["config", "schema"]]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_is_light_and_shows_how(command, tmp_path):
    script = "import sys; from firstlight.cli import main; main(); print(*sys.modules, file=sys.stderr)"
    answer = subprocess.run(
        [sys.executable, "-c", script, *command, "--help"],
        capture_output=True,
        text=True,
        env=surroundings(tmp_path),
        check=True,
    )
    assert not HEAVY & set(answer.stderr.split())
    assert answer.stdout.startswith("Usage: firstlight")
    assert max(map(len, answer.stdout.splitlines())) <= 110
    if command not in (["config"], ["lake"]):
        assert "Examples:\n" in answer.stdout


def test_the_help_tells_the_exit_codes(firstlight_command):
    answer = firstlight_command()
    assert answer.returncode == 0
    assert all(f"\n    {code}  " in answer.stdout for code in (0, 1, 2, 3))
    assert firstlight_command("--help").stdout == answer.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nonsense"], "nonsense"),
        (["status", "--nonsense"], "--nonsense"),
        (["sql", "--limit", "many", "select 1"], "many"),
        (["sql", "--limit", "0", "select 1"], "0"),
        (["events", "--level", "loud"], "loud"),
        (["events", "--limit", "0"], "--limit"),
        (["status", "--url", "ftp://here"], "ftp://here"),
        (["status", "--url", "http://here:99999"], "99999"),
        (["status", "--url", ""], "no address"),
        (["status", "--url", "http://here", "--data", "there"], "give one of them"),
        (["status", "--timeout", "0"], "--timeout"),
        (["status", "--timeout", "nan"], "--timeout"),
        (["sql", "--file", "missing.sql"], "missing.sql"),
        (["config", "show", "--config", "missing.toml"], "missing.toml"),
        (["up", "--port", "70000"], "hub.port"),
        (["--url", "http://here", "up"], "--host"),
        (["completion", "tcsh"], "tcsh"),
    ],
)
def test_wrong_usage_is_one_line_and_ends_with_2(here, arguments, says):
    answer = here(*arguments)
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert answer.stderr.startswith("firstlight: ")
    assert answer.stderr.count("\n") == 1
    assert says in answer.stderr


def test_no_statement_is_wrong_usage(firstlight_command):
    answer = firstlight_command("sql")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.startswith("firstlight: there is no statement; try: ")
    assert answer.stderr.count("\n") == 1


def test_two_forms_of_one_answer_are_wrong_usage(here):
    answer = here("sql", "--json", "--csv", "select 1")
    assert answer.returncode == 2
    assert "one of them" in json.loads(answer.stdout)["error"]["message"]


def test_wrong_usage_in_json(firstlight_command):
    answer = firstlight_command("status", "--nonsense", "--json")
    assert (answer.returncode, answer.stderr) == (2, "")
    error = json.loads(answer.stdout)
    assert error["status"] == "error"
    assert error["error"]["code"] == "BAD_USAGE"
    assert "--nonsense" in error["error"]["message"]


@pytest.mark.parametrize("noun", ["status", "health", "sql", "events"])
def test_no_hub_and_no_data_ends_with_3(here, noun):
    query = ["select 1"] if noun == "sql" else []
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: nobody answers, and nobody else gets it
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        answer = here(noun, *query, "--url", url)
        assert answer.returncode == 3
        assert url in answer.stderr
        assert "firstlight up" in answer.stderr
        assert answer.stderr.count("\n") == 1
        failed = here(noun, *query, "--url", url, "--json")
        assert failed.returncode == 3
        assert json.loads(failed.stdout)["error"]["code"] == "NOT_REACHABLE"


def test_a_missing_data_directory_ends_with_3(firstlight_command, tmp_path):
    answer = firstlight_command("status", "--data", str(tmp_path / "nothing"))
    assert answer.returncode == 3
    assert "nothing" in answer.stderr


def test_the_bare_package_says_what_to_install(tmp_path):
    script = "import sys; sys.modules['click'] = None; from firstlight.cli import main; sys.exit(main())"
    answer = subprocess.run(
        [sys.executable, "-c", script, "status"],
        capture_output=True,
        text=True,
        env=surroundings(tmp_path),
        check=False,
    )
    assert answer.returncode == 2
    assert 'pip install "firstlight[hub]"' in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_a_missing_part_of_the_extra_says_what_to_install(tmp_path, data):
    script = "import sys; sys.modules['duckdb'] = None; from firstlight.cli import main; sys.exit(main())"
    answer = subprocess.run(
        [sys.executable, "-c", script, "status", "--data", str(data), "--json"],
        capture_output=True,
        text=True,
        env=surroundings(tmp_path),
        check=False,
    )
    assert answer.returncode == 2
    error = json.loads(answer.stdout)["error"]
    assert error["code"] == "MISSING_EXTRA"
    assert "duckdb" in error["message"]


def test_a_fault_of_ours_is_one_line_and_its_place_is_shown_on_request(tmp_path):
    script = (
        "import sys; from firstlight.cli import source, main\n"
        "def broken(wanted): raise ZeroDivisionError('oh')\n"
        "source.usual = broken\n"
        "sys.exit(main())"
    )

    def run(*arguments: str):
        command = [sys.executable, "-c", script, *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=surroundings(tmp_path), check=False)

    plain, shown = run("status"), run("--debug", "status")
    assert plain.returncode == shown.returncode == 70
    assert plain.stderr.count("\n") == 1
    assert "Traceback" in shown.stderr


def test_the_version_is_an_option_too(firstlight_command):
    answer = firstlight_command("--version")
    assert (answer.returncode, answer.stdout.split()[0]) == (0, "firstlight")


def test_both_modules_run(tmp_path):
    for module in ("firstlight", "firstlight.cli"):
        command = [sys.executable, "-m", module, "version"]
        answer = subprocess.run(command, capture_output=True, text=True, env=surroundings(tmp_path), check=True)
        assert answer.stdout.startswith("firstlight 0.")


def test_the_version_tells_whether_the_loops_in_c_are_there(firstlight_command):
    is_compiled = loops.compiled is not None
    assert json.loads(firstlight_command("version", "--json").stdout)["compiled"] is is_compiled
    assert ("without loops in C" in firstlight_command("version").stdout) is not is_compiled


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(firstlight_command, shell):
    assert "_FIRSTLIGHT_COMPLETE" in firstlight_command("completion", shell).stdout


def test_completion_knows_nouns_and_levels(firstlight_command):
    env = {"_FIRSTLIGHT_COMPLETE": "bash_complete", "COMP_WORDS": "firstlight st", "COMP_CWORD": "1"}
    assert "status" in firstlight_command(env=env).stdout
    env |= {"COMP_WORDS": "firstlight events --level wa", "COMP_CWORD": "3"}
    assert "warn" in firstlight_command(env=env).stdout
