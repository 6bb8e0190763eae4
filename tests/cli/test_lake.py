import json
import os
from pathlib import Path

import pytest

from firstlight.app.lake import Lake
from firstlight.cli.amounts import bytes_text
from tests.cli.conftest import surroundings
from tests.cli.terminal import on_terminal


@pytest.fixture
def here_in(here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    return here


def counted(directory: Path) -> tuple[int, ...]:
    with Lake.open(directory, read_only=True) as lake:
        (row,) = lake.sql(
            "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM spans), (SELECT count(*) FROM metrics)"
        ).rows
    return row


def test_everything_goes_out_and_into_another_lake(here_in, data: Path, tmp_path: Path) -> None:
    out = here_in("lake", "export", "all.jsonl.gz", "--data", str(data), "--json")
    wrote = json.loads(out.stdout)
    assert (out.returncode, out.stderr) == (0, "")
    assert wrote["rows"] == {"events": 100, "spans": 10, "samples": 180}
    back = here_in("lake", "import", "all.jsonl.gz", "--data", "other", "--json")
    kept = json.loads(back.stdout)
    assert (back.returncode, kept["events"], kept["spans"], kept["samples"], kept["bad"]) == (0, 100, 10, 180, [])
    assert counted(tmp_path / "other") == (100, 10, 180)
    again = here_in("lake", "import", "all.jsonl.gz", "--data", "other")
    assert "kept no rows of 1 file" in again.stdout
    assert "290 rows were kept by an earlier import" in again.stdout


def test_standard_output_has_the_rows_and_standard_error_the_count(here, data: Path) -> None:
    out = here("lake", "export", "--signal", "events", "--from", "-1h", "--data", str(data))
    assert [json.loads(line)["event_type"] for line in out.stdout.splitlines()] == [f"event_{n}" for n in range(100)]
    assert "wrote 100 events" in out.stderr
    metrics = here(
        "lake", "export", "--match", 'host_cpu_busy_ratio{cpu="0"}', "--format", "prometheus", "--data", str(data)
    )
    assert metrics.stdout.count('host_cpu_busy_ratio{cpu="0",job="host"} 0.25 ') == 60


def test_a_reader_that_leaves_is_no_failure(data: Path, tmp_path: Path) -> None:
    command = f"python -m firstlight lake export --data {data} | head -n 1"
    import subprocess
    import sys

    environment = surroundings(tmp_path)
    shell = command.replace("python", sys.executable, 1)
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", shell], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.count("\n")) == (0, 1), done.stderr


def test_bad_lines_are_named_and_end_with_one(here_in, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("when,watts\n2020-01-01,1\n2020-01-02,x\n")
    arguments = ("lake", "import", "a.csv", "--time", "when", "--value", "watts", "--name", "power", "--data", "lake")
    out = here_in(*arguments)
    assert out.returncode == 1
    assert "a.csv:3: 'x' is no number" in out.stderr
    assert "kept 1 samples of 1 file" in out.stdout
    strict = here_in(*arguments, "--again", "--strict")
    assert (strict.returncode, strict.stderr) == (3, "firstlight: a.csv:3: 'x' is no number\n")


def test_a_moment_stands_in_for_times(here_in, tmp_path: Path) -> None:
    (tmp_path / "a.prom").write_text("up 1\n")
    assert here_in("lake", "import", "a.prom", "--time", "2020-01-01", "--data", "lake").returncode == 0
    with Lake.open(tmp_path / "lake", read_only=True) as lake:
        assert lake.sql("SELECT time_ns FROM metrics").rows == [(1_577_836_800 * 10**9,)]
    assert here_in("lake", "import", "a.prom", "--dry-run", "--data", "none").returncode == 1
    assert not (tmp_path / "none").exists()


def test_backup_and_restore(here_in, data: Path, tmp_path: Path) -> None:
    out = here_in("lake", "backup", "saved", "--data", str(data), "--json")
    saved = json.loads(out.stdout)
    assert (out.returncode, saved["logs"], saved["removed"]) == (0, 1, 0)
    back = here_in("lake", "restore", "saved", "--data", "other")
    assert (back.returncode, back.stderr) == (0, "")
    assert counted(tmp_path / "other") == (100, 10, 180)
    refused = here_in("lake", "restore", "saved", "--data", "other", "--json")
    assert refused.returncode == 2
    assert json.loads(refused.stdout)["error"]["code"] == "BAD_USAGE"
    assert here_in("lake", "backup", "saved", "--data", str(data)).stdout.startswith("backed up 0 segments")


def test_stats_are_tables_or_json(here, data: Path) -> None:
    found = json.loads(here("lake", "stats", "--data", str(data), "--json", "--top", "1").stdout)
    assert found["cardinality"]["labels"] == [{"label": "cpu", "values": 3, "series": 3}]
    assert (found["tables"]["events"]["tail_rows"], found["rate"]["last_hour"]["events"]) == (100, 100)
    text = here("lake", "stats", "--data", str(data)).stdout
    assert "3 series of 1 metrics, 1 labels" in text
    assert "host_cpu_busy_ratio       3" in text
    assert "cpu         3       3" in text


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("export", "--data", "nowhere"), 3, "no data directory nowhere"),
        (
            (
                "export",
                "--json",
            ),
            2,
            "name a file",
        ),
        (("export", "x", "--match", "{"), 2, "is no selector"),
        (("export", "x", "--from", "soon"), 2, "is no moment"),
        (("export", "x", "--from", "now", "--to", "-1h"), 2, "--from must be before --to"),
        (("export", "x.om", "--signal", "events"), 2, "has metrics only"),
        (("export", "x", "--metric", "a", "--signal", "events"), 2, "choose metrics"),
        (("import", "nothing.csv", "--data", "x"), 2, "there is no file nothing.csv"),
        (("restore", "nowhere", "--data", "x"), 3, "no whole backup"),
    ],
)
def test_what_cannot_be_done_says_what_to_do(here_in, arguments, code: int, said: str) -> None:
    out = here_in("lake", *arguments)
    assert out.returncode == code
    assert said in out.stdout + out.stderr


def test_a_file_that_takes_two_tables_wants_a_directory(here_in, data: Path) -> None:
    out = here_in("lake", "export", "all.csv", "--data", str(data))
    assert (out.returncode, "name a directory" in out.stderr) == (2, True)
    assert os.listdir() == []
    assert here_in("lake", "export", "all/", "--format", "csv", "--data", str(data)).returncode == 0
    assert sorted(os.listdir("all")) == ["events.csv", "metrics.csv"]


def test_a_hub_is_no_data_directory(here) -> None:
    out = here("--url", "http://127.0.0.1:1", "lake", "stats")
    assert (out.returncode, "name it with --data" in out.stderr) == (2, True)


def test_a_terminal_sees_a_bar(tmp_path: Path) -> None:
    line = '{"timestamp":"2010-01-01T12:00:00Z","message":"%s"}\n' % ("x" * 500)
    (tmp_path / "a.jsonl").write_text(line * 40_000)
    environment = surroundings(tmp_path, TERM="xterm")
    arguments = ("lake", "import", str(tmp_path / "a.jsonl"), "--data", str(tmp_path / "lake"))
    code, screen = on_terminal(*arguments, columns=160, env=environment)
    assert code == 0
    assert "rows, " in screen
    assert "a.jsonl" in screen
    assert "kept 40,000 events" in screen


def test_sizes_as_people_read_them() -> None:
    assert [bytes_text(size) for size in (0, 1023, 1024, 1_600_000, 5 * 2**50, 3000 * 2**50)] == [
        "0 bytes",
        "1023 bytes",
        "1.0 KiB",
        "1.5 MiB",
        "5.0 PiB",
        "3000.0 PiB",
    ]
