"""``firstlight shell``: ask one question after the other."""

import cmd
import contextlib
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from firstlight.cli import output
from firstlight.cli.exits import FINE, USAGE
from firstlight.cli.options import Wanted, shared
from firstlight.version import __version__

PROMPT = "firstlight> "
MAX_HISTORY_LINES = 2000
TABLES = ("events", "exponential_histograms", "metrics", "series", "spans")
HELP = """telemetry            who sends what, and when the last of it happened
health               how well everything is, and why
status               what is received and stored, and by whom
events [OPTIONS]     the newest events; options as in `firstlight events --help`
query PROMQL         one question in PromQL; options as in `firstlight query --help`
metrics [TEXT]       which metrics there are
sql STATEMENT        one read-only statement over events, spans, metrics, series
help                 this
quit                 ends, as does Ctrl-D
"""

_TELEMETRY = """
WITH found AS (
  SELECT service, session_id, 'event' AS kind, count(*) AS n, max(time) AS last FROM events GROUP BY ALL
  UNION ALL SELECT service, session_id, 'span', count(*), max(time) FROM spans GROUP BY ALL
  UNION ALL SELECT service, session_id, 'sample', count(*), max(time) FROM metrics GROUP BY ALL
)
SELECT service, session_id, coalesce(sum(n) FILTER (kind = 'event'), 0)::BIGINT AS events,
  coalesce(sum(n) FILTER (kind = 'span'), 0)::BIGINT AS spans,
  coalesce(sum(n) FILTER (kind = 'sample'), 0)::BIGINT AS samples, max(last) AS last
FROM found GROUP BY ALL ORDER BY last DESC
"""
_OPTIONS = {"events": ("--follow", "--level", "--limit", "--service", "--subsystem")}


@click.command("shell")
@shared()
def command(wanted: Wanted) -> int:
    """Ask one question after the other: telemetry, health, status, events, sql; help tells what each does.

    The Tab key completes, lines are kept from one time to the next. Lines may come from a pipe; the exit code is then
    that of the last command that failed.

    Examples:
      firstlight shell
      echo "sql select count(*) from events" | firstlight shell --data ./lake
    """
    shell = Shell(wanted)
    if not sys.stdin.isatty():
        shell.prompt = ""
        shell.use_rawinput = False
        shell.cmdloop("")
        return shell.code
    with _history():
        shell.converse()
    return FINE


class Shell(cmd.Cmd):
    """Reads lines; each is a command line of its own.

    Attributes:
        code: exit code of the last command that failed.
    """

    prompt = PROMPT

    def __init__(self, wanted: Wanted) -> None:
        super().__init__()
        self.code = FINE
        self._before = _before(wanted)

    def converse(self) -> None:
        """Talk with a person; Ctrl-C leaves the line, not the shell."""
        greeting = f"Firstlight {__version__}; help tells what can be asked, Ctrl-D ends.\n"
        while True:
            try:
                self.cmdloop(greeting)
            except KeyboardInterrupt:
                greeting = ""
                output.write("\n")
            else:
                return

    def do_telemetry(self, line: str) -> None:
        """Who sends what."""
        self._ask("sql", [*_words(line), _TELEMETRY])

    def do_health(self, line: str) -> None:
        """How well everything is."""
        self._ask("health", _words(line))

    def do_status(self, line: str) -> None:
        """What is received and stored."""
        self._ask("status", _words(line))

    def do_events(self, line: str) -> None:
        """The newest events."""
        self._ask("events", _words(line))

    def do_query(self, line: str) -> None:
        """One question in PromQL; quotes in it are its own."""
        self._ask("query", _words(line) if line.startswith("--") else ["--", line])

    def do_metrics(self, line: str) -> None:
        """Which metrics there are."""
        self._ask("metrics", _words(line))

    def do_sql(self, line: str) -> None:
        """One statement; quotes in it are its own."""
        self._ask("sql", _words(line) if line.startswith(("-", '"')) else [line])

    def do_help(self, arg: str) -> None:
        """What can be asked."""
        del arg
        output.write(HELP)

    def do_quit(self, line: str) -> bool:
        """End."""
        del line
        return True

    do_exit = do_quit

    def do_EOF(self, line: str) -> bool:  # noqa: N802 - cmd's name of the end of the input
        """End."""
        if self.prompt:
            output.write("\n")
        return self.do_quit(line)

    def emptyline(self) -> bool:
        """Do nothing, not the last command again."""
        return False

    def default(self, line: str) -> None:
        """Say that there is no such command."""
        self.code = USAGE
        output.note(f"no command {line.split(maxsplit=1)[0]!r}; help tells which there are")

    def completenames(self, text: str, *ignored: object) -> list[str]:
        """Return the commands that begin with ``text``."""
        return [name for name in super().completenames(text, *ignored) if name not in {"EOF", "exit"}]

    def completedefault(self, text: str, line: str, *ignored: object) -> list[str]:
        """Return the options, or for ``sql`` the tables, that begin with ``text``."""
        del ignored
        name = line.split(maxsplit=1)[0]
        return [word for word in (TABLES if name == "sql" else _OPTIONS.get(name, ())) if word.startswith(text)]

    def _ask(self, noun: str, words: Sequence[str]) -> None:
        from firstlight.cli.application import run  # here, because it imports the commands

        self.code = run([*self._before, noun, *words]) or self.code


def _before(wanted: Wanted) -> list[str]:
    """Return the options that say what ``wanted`` says; the secret among them stays in this process."""
    said = {"--url": wanted.url, "--data": wanted.data, "--timeout": wanted.timeout_s, "--token": wanted.token or None}
    options = [text for option, value in said.items() if value is not None for text in (option, str(value))]
    return [*options, *(["--json"] if wanted.as_json else [])]


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        # A quote that is not closed; the command says what it makes of it.
        return line.split()


@contextlib.contextmanager
def _history() -> Iterator[None]:
    """Read the lines of earlier times and keep those of this one, where Python has readline."""
    try:
        import readline
    except ModuleNotFoundError:
        yield
        return
    from firstlight.app.places import history_file

    file = history_file()
    # Options begin with dashes and belong to the word; without the file there is just nothing to remember.
    readline.set_completer_delims(" \t\n'\"(),;")
    with contextlib.suppress(OSError):
        readline.read_history_file(file)
    try:
        yield
    finally:
        readline.set_history_length(MAX_HISTORY_LINES)
        with contextlib.suppress(OSError):
            _make_private(file)
            readline.write_history_file(file)


def _make_private(file: Path) -> None:
    """Make the file such that only its owner reads it: what is asked may name what is secret."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.touch(mode=0o600)
