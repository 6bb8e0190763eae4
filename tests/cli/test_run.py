"""``firstlight run``: real programs, which must not notice."""

import json
import signal
import subprocess
import sys
import zipapp
from pathlib import Path

import pytest

from tests.cli.running import answer, command, environment, run, total, write

TELLS = """
import json, os, sys
print(json.dumps([sys.argv, __name__, sys.stdin.read(), os.getcwd(), "firstlight.sdk.client" in sys.modules]))
sys.exit(7)
"""


@pytest.mark.parametrize("form", ["script", "module", "archive", "executable"])
def test_a_program_has_its_arguments_input_directory_and_exit_code(tmp_path: Path, form: str) -> None:
    script = write(tmp_path / "pack" / "__main__.py", TELLS)
    zipapp.create_archive(tmp_path / "pack", tmp_path / "pack.pyz")
    write(tmp_path / "executable", f"#!{sys.executable}\n{TELLS}", 0o755)
    program = {
        "script": [str(script)],
        "module": ["-m", "pack"],
        "archive": ["pack.pyz"],
        "executable": ["./executable"],
    }[form]
    done = run(tmp_path, "--", *program, "a b", "-c", "--json", "--", "--data", input="typed")
    assert done.returncode == 7, done.stderr
    argv, name, typed, directory, recorded = json.loads(done.stdout)
    assert argv[1:] == ["a b", "-c", "--json", "--", "--data"]
    assert (name, typed, directory, recorded) == ("__main__", "typed", str(tmp_path), True)
    assert done.stderr == ""


def test_its_log_lines_faults_and_metrics_are_recorded_without_a_change_of_it(tmp_path: Path) -> None:
    script = write(
        tmp_path / "job.py",
        """
import logging, warnings
logging.basicConfig(format="%(levelname)s:%(message)s")
logging.getLogger("shop.till").warning("drawer %s is open", 3)
logging.getLogger("shop.till").info("below the program's own level")
logging.raiseExceptions = True
raise LookupError("no such order")
""",
    )
    done = run(tmp_path, "--service", "nightly", "--", str(script))
    assert done.returncode == 1
    assert done.stderr.startswith("WARNING:drawer 3 is open\nTraceback (most recent call last):\n")
    assert done.stderr.endswith("LookupError: no such order\n")
    events = answer(
        tmp_path / "lake", "SELECT service, subsystem, component, level, body, name FROM events ORDER BY time_ns"
    )
    assert events[0][:5] == ("nightly", "shop", "till", "WARN", "drawer 3 is open")
    assert ("CRITICAL", "unhandled_exception") in {(event[3], event[5]) for event in events}
    assert len(events) == 2
    names = {row[0] for row in answer(tmp_path / "lake", "SELECT DISTINCT name FROM metrics")}
    assert {"process_cpu_seconds_total", "python_info"} <= names


def test_logging_without_a_configuration_speaks_as_before(tmp_path: Path) -> None:
    done = run(tmp_path, "--", "-c", "import logging; logging.getLogger('a').warning('last resort')")
    assert (done.returncode, done.stderr) == (0, "last resort\n")


def test_every_child_process_is_recorded_and_one_in_isolated_mode_is_not(tmp_path: Path) -> None:
    script = write(
        tmp_path / "parent.py",
        """
import subprocess, sys
child = "import sys; print('firstlight' in sys.modules)"
for options in ([], ["-I"], ["-E"]):
    print(subprocess.run([sys.executable, *options, "-c", child], text=True, capture_output=True).stdout.strip())
""",
    )
    done = run(tmp_path, "--", str(script))
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["True", "False", "False"], "")


def test_a_sitecustomize_of_the_programs_own_still_runs(tmp_path: Path) -> None:
    own = write(tmp_path / "own" / "sitecustomize.py", "import builtins\nbuiltins.customized = __file__\n")
    env = environment(tmp_path)
    env["PYTHONPATH"] = f"{own.parent}:{env['PYTHONPATH']}"
    check = "import sys; print(customized, sys.modules['sitecustomize'].__file__, 'firstlight' in sys.modules)"
    done = run(tmp_path, "--", "-c", check, env=env)
    assert done.stdout.split() == [str(own), str(own), "True"], done.stderr


def test_what_goes_wrong_with_telemetry_is_one_line_and_the_program_runs(tmp_path: Path) -> None:
    done = run(tmp_path, "--", "-c", "print('ran')", env=environment(tmp_path, FIRSTLIGHT_LEVEL="no such level"))
    assert (done.returncode, done.stdout) == (0, "ran\n")
    blocked = write(tmp_path / "blocked" / "firstlight" / "__init__.py", "raise RuntimeError('not\\nhere')")
    script = write(tmp_path / "s.py", "print('ran')")
    bootstrap = Path(sys.modules["firstlight"].__path__[0], "app", "bootstrap")
    done = subprocess.run(
        [sys.executable, str(script)],
        env=environment(tmp_path) | {"PYTHONPATH": f"{bootstrap}:{blocked.parents[1]}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "ran\n"
    assert done.stderr == "firstlight: this process runs without telemetry: RuntimeError: not here\n"


def test_profile_and_settings_file_hold_in_the_program(tmp_path: Path) -> None:
    write(tmp_path / "telemetry.json", '{"recording": {"service": "from-the-file"}}')
    program = "import firstlight; firstlight.scope('a').debug('detail')"
    for profile, kept in (("production", 0), ("debug", 1)):
        options = ["--telemetry-config", "telemetry.json", "--telemetry-profile", profile]
        assert run(tmp_path, *options, "--", "-c", program).returncode == 0
        query = "SELECT count(*) FROM events WHERE name = 'detail' AND service = 'from-the-file'"
        assert answer(tmp_path / "lake", query) == [(kept,)]


def test_disabled_the_program_runs_as_if_nothing_were_there(tmp_path: Path) -> None:
    check = "import os, sys; print('firstlight' in sys.modules, os.environ.get('PYTHONPATH'))"
    env = environment(tmp_path)
    done = run(tmp_path, "--disable-telemetry", "--", "-c", check, env=env)
    assert done.stdout.split() == ["False", env["PYTHONPATH"]]
    assert not (tmp_path / "lake").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--", "no-such-program"], "no program 'no-such-program'"),
        (["--telemetry-config", "gone.toml", "--", "-c", "pass"], "gone.toml"),
        (["--telemetry-config", "wrong.json", "--", "-c", "pass"], "loudest"),
        (["--telemetry-profile", "loud", "--", "-c", "pass"], "loud"),
        ([], "Missing argument"),
        (["--endpoint", "http://127.0.0.1:1", "--", "-c", "pass"], "--data and --endpoint"),
    ],
)
def test_wrong_usage_is_told_before_anything_runs(tmp_path: Path, arguments: list[str], says: str) -> None:
    write(tmp_path / "wrong.json", '{"recording": {"level": "loudest"}}')
    done = run(tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


RECORDS = """
import signal, sys, time
import firstlight
log = firstlight.scope("job")
count = log.counter("jobs_total")
for n in range(1000):
    log.info("done", n=n)
    count.inc()
"""


def signalled(tmp_path: Path, program: str, number: int) -> tuple[int, str]:
    """Start ``program``, send it a signal when it says that it is ready, and return how it ended."""
    script = write(tmp_path / "signalled.py", program)
    with subprocess.Popen(
        command("--data", str(tmp_path / "lake"), "--", str(script)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(tmp_path),
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    return process.returncode, errors


def test_sigterm_loses_nothing_and_still_ends_the_program(tmp_path: Path) -> None:
    code, errors = signalled(tmp_path, RECORDS + "print('ready', flush=True)\ntime.sleep(60)", signal.SIGTERM)
    assert (code, errors) == (-signal.SIGTERM, "")
    assert total(tmp_path / "lake", "jobs_total") == 1000
    assert answer(tmp_path / "lake", "SELECT count(*) FROM events WHERE name = 'done'") == [(1000,)]


def test_sigterm_in_the_middle_of_a_delivery_loses_nothing(tmp_path: Path) -> None:
    program = RECORDS + "print('ready', flush=True)\nwhile True: firstlight.flush()"
    code, errors = signalled(tmp_path, program, signal.SIGTERM)
    assert (code, errors) == (-signal.SIGTERM, "")
    assert answer(tmp_path / "lake", "SELECT count(*) FROM events WHERE name = 'done'") == [(1000,)]


def test_a_handler_of_the_programs_own_wins(tmp_path: Path) -> None:
    program = (
        RECORDS + "signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))\nprint('ready', flush=True)\ntime.sleep(60)"
    )
    assert signalled(tmp_path, program, signal.SIGTERM) == (5, "")
    assert total(tmp_path / "lake", "jobs_total") == 1000


def test_ctrl_c_is_a_keyboard_interrupt_as_ever(tmp_path: Path) -> None:
    code, errors = signalled(tmp_path, RECORDS + "print('ready', flush=True)\ntime.sleep(60)", signal.SIGINT)
    assert code == -signal.SIGINT
    assert errors.endswith("KeyboardInterrupt\n")
    assert total(tmp_path / "lake", "jobs_total") == 1000


def test_sigterm_reaches_a_child_in_its_very_first_moment(tmp_path: Path) -> None:
    script = write(
        tmp_path / "forks.py",
        """
import os, signal, time, warnings
warnings.simplefilter("ignore", DeprecationWarning)
for _ in range(30):
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(1)
    os.kill(child, signal.SIGTERM)
    assert os.waitpid(child, 0)[1] == signal.SIGTERM
""",
    )
    done = run(tmp_path, "--", str(script))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_lose_nothing_even_when_a_pool_terminates_them(tmp_path: Path, method: str) -> None:
    script = write(
        tmp_path / "pool.py",
        f"""
import multiprocessing, warnings
warnings.simplefilter("ignore", DeprecationWarning)
import firstlight
log = firstlight.scope("job")
count = log.counter("jobs_total")
def work(number):
    for n in range(500):
        count.inc()
        log.info("done", n=n)
if __name__ == "__main__":
    context = multiprocessing.get_context({method!r})
    work(0)
    children = [context.Process(target=work, args=(n,)) for n in range(2)]
    [child.start() for child in children]
    [child.join() for child in children]
    with context.Pool(2) as pool:
        pool.map(work, range(3), chunksize=1)
    pool.join()
""",
    )
    done = run(tmp_path, "--", str(script))
    # A child may be terminated in the middle of an import, and then says that its last report is not whole.
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert total(tmp_path / "lake", "jobs_total") == 3000
    assert answer(tmp_path / "lake", "SELECT count(*) FROM events WHERE name = 'done'") == [(3000,)]


def test_a_program_that_is_switched_off_by_opentelemetrys_variable_is_left_alone(tmp_path: Path) -> None:
    check = "import threading; print([thread.name for thread in threading.enumerate()])"
    done = run(tmp_path, "--", "-c", check, env=environment(tmp_path, OTEL_SDK_DISABLED="true"))
    assert done.stdout == "['MainThread']\n", done.stderr
