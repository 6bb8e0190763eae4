import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from firstlight.app.lake import Lake
from firstlight.cli.options import Wanted
from firstlight.cli.shell import PROMPT, Shell
from tests.cli.conftest import recorded, surroundings


@pytest.fixture(params=["hub", "data"])
def place(request):
    """Return the options that name each place that answers."""
    if request.param == "hub":
        return ["--url", request.getfixturevalue("hub").url]
    return ["--data", str(request.getfixturevalue("data"))]


def test_piped_lines_are_answered_without_a_prompt(firstlight_command, place) -> None:
    lines = """
telemetry
status
health
events --limit 2 --service demo
sql select 'it''s', count(*) from spans where service = 'demo'
sql --csv "select 1 as one"
"""
    done = firstlight_command("shell", *place, stdin=lines)
    assert PROMPT not in done.stdout
    telemetry, _, rest = done.stdout.partition("from ")
    header, *senders = telemetry.splitlines()
    assert header.split("\t") == ["service", "session_id", "events", "spans", "samples", "last"]
    assert [line.split("\t")[2:5] for line in senders if line.startswith("demo\ts1")] == [["100", "10", "0"]]
    assert rest.lstrip().startswith(("the hub at", "the data directory"))
    assert "overall: " in rest
    assert "body 98" in rest
    assert "it's\t10\n" in rest
    assert done.stdout.endswith("one\n1\n")
    assert len(set(done.stderr.splitlines())) <= 1, done.stderr


def test_what_is_wrong_is_told_and_the_next_line_is_read(firstlight_command, data: Path) -> None:
    lines = (
        "bogus\nsql select nonsense from nowhere\nevents --level 'unclosed\n\nhelp\nquit\nsql select 'not reached'\n"
    )
    done = firstlight_command("shell", "--data", str(data), stdin=lines)
    assert done.returncode == 2
    assert "no command 'bogus'" in done.stderr
    assert "nonsense" in done.stderr or "nowhere" in done.stderr
    assert "quit " in done.stdout
    assert "not reached" not in done.stdout
    assert "Traceback" not in done.stderr


def test_an_end_of_input_is_an_end_and_json_is_json(firstlight_command, data: Path) -> None:
    done = firstlight_command("shell", "--json", "--data", str(data), stdin="sql select 1 as one")
    assert (done.returncode, done.stdout, done.stderr) == (0, '[{"one": 1}]\n', "")


class Terminal:
    """A shell on a pseudo-terminal, typed into like a person does."""

    def __init__(self, home: Path, data: Path) -> None:
        self.ours, theirs = pty.openpty()
        self.screen = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "firstlight", "shell", "--data", str(data)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=surroundings(home, TERM="xterm", XDG_STATE_HOME=str(home / "state")),
            start_new_session=True,
        )
        os.close(theirs)

    def type(self, text: str, until: str) -> str:
        """Type ``text`` and return what is on the screen from there until ``until`` is."""
        began = len(self.screen)
        os.write(self.ours, text.encode())
        deadline = time.monotonic() + 15
        while until not in self.screen[began:] and time.monotonic() < deadline:
            if select.select([self.ours], [], [], 1)[0]:
                self.screen += os.read(self.ours, 65536).decode(errors="replace")
        assert until in self.screen[began:], self.screen
        return self.screen[began:]

    def interrupt(self) -> None:
        """Press Ctrl-C until there is a new prompt: readline hears of it only while it waits for a key."""
        began = len(self.screen)
        for _ in range(20):
            self.process.send_signal(signal.SIGINT)
            while select.select([self.ours], [], [], 1)[0]:
                self.screen += os.read(self.ours, 65536).decode(errors="replace")
            if PROMPT in self.screen[began:]:
                return
        pytest.fail(f"no prompt after Ctrl-C: {self.screen}")

    def close(self) -> int:
        try:
            return self.process.wait(20)
        finally:
            self.process.kill()
            self.process.wait()
            os.close(self.ours)


def test_a_person_has_a_prompt_completion_and_a_history_and_ctrl_c_leaves_the_line_only(
    tmp_path: Path, data: Path
) -> None:
    pytest.importorskip("readline")
    terminal = Terminal(tmp_path, data)
    assert "help tells" in terminal.type("", PROMPT)
    terminal.type("sq\t", "sql")
    assert "42" in terminal.type(" select 40 + 2 as n\n", PROMPT)
    terminal.type("events --lim", "--lim")
    terminal.interrupt()
    assert "42" in terminal.type("\x1b[A\n", PROMPT)
    terminal.type("\x04", "\n")
    assert terminal.close() == 0
    history = tmp_path / "state" / "firstlight" / "shell_history"
    assert history.read_text().splitlines()[0] == "sql select 40 + 2 as n"
    assert history.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("line", "text", "words"),
    [
        ("sql select * from ev", "ev", ["events"]),
        ("events --l", "--l", ["--level", "--limit"]),
        ("health x", "x", []),
    ],
)
def test_tables_and_options_are_completed(line: str, text: str, words: list[str]) -> None:
    assert Shell(Wanted()).completedefault(text, line, 0, 0) == words


def test_commands_are_completed() -> None:
    shell = Shell(Wanted())
    assert sorted(shell.completenames("")) == [
        "events",
        "health",
        "help",
        "metrics",
        "query",
        "quit",
        "sql",
        "status",
        "telemetry",
    ]
    assert shell.completenames("te") == ["telemetry"]


def test_promql_is_asked_with_its_own_quotes(firstlight_command, tmp_path):
    data = tmp_path / "data"
    with Lake.open(data, maintain=False) as lake:
        lake.append(recorded(time.time_ns()))
    lines = 'query sum(host_cpu_busy_ratio{cpu=~"0|1"})\nquery --csv -- -1\nmetrics cpu\n'
    answer = firstlight_command("shell", "--data", str(data), stdin=lines)
    assert answer.returncode == 0
    values = [line.split("\t")[-1] for line in answer.stdout.splitlines()]
    assert values[:2] == ["value", "0.5"]
    assert values[3].endswith(",-1")
    assert "host_cpu_busy_ratio\tgauge" in answer.stdout
