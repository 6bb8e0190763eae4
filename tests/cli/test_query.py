"""PromQL on the command line, over a data directory and over a hub that speaks Prometheus' API."""

import csv
import io
import json
import re
import subprocess
import sys
import time
from urllib.parse import parse_qs, urlsplit

import pytest

from firstlight.app.lake import Lake
from firstlight.query.promql.answer_bytes import answer_bytes
from tests.cli.conftest import recorded, surroundings
from tests.cli.terminal import on_terminal

CPU = 'host_cpu_busy_ratio{cpu=~"0|1"}'
ANSI = re.compile(r"\x1b\[[\d;]*m")


@pytest.fixture
def data(tmp_path):
    """Return a data directory whose newest samples are new: questions are about now."""
    with Lake.open(tmp_path / "data", maintain=False) as lake:
        lake.append(recorded(time.time_ns()))
    return tmp_path / "data"


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_a_pipe_gets_lines_under_names(here, data):
    answer = here("query", CPU, "--at", "-10s", "--data", str(data))
    names, *lines = [line.split("\t") for line in answer.stdout.splitlines()]
    assert names == ["time", "__name__", "cpu", "job", "otel_scope_name", "value"]
    assert sorted(line[2:] for line in lines) == [["0", "host", "host", "0.25"], ["1", "host", "host", "0.25"]]
    assert (answer.returncode, answer.stderr) == (0, "")


def test_json_and_csv(here, data):
    asked = ("query", f"sum({CPU}) * 10", "--data", str(data))
    (row,) = json.loads(here(*asked, "--json").stdout)
    assert row.keys() == {"time", "value"}
    assert row["value"] == 5
    (row,) = rows_of(here(*asked, "--csv").stdout)
    assert row["value"] == "5"


def test_a_stretch_of_time_has_a_row_for_each_step(here, data):
    end = time.time_ns() // 10**9 - 5
    asked = ("query", CPU, "--range", "20s", "--end", str(end), "--step", "10s", "--csv", "--data", str(data))
    found = rows_of(here(*asked).stdout)
    assert len(found) == 6
    assert len({row["time"] for row in found}) == 3


def test_the_query_may_come_from_a_pipe(firstlight_command, data):
    answer = firstlight_command("query", "--json", "--data", str(data), stdin="1 +\n 1\n")
    assert json.loads(answer.stdout)[0]["value"] == 2
    assert "firstlight query" in firstlight_command("query", "--data", str(data), stdin="").stderr


def test_what_is_cut_off_is_said(here, data):
    answer = here("query", CPU, "--limit", "1", "--data", str(data))
    assert len(answer.stdout.splitlines()) == 2
    assert "--limit" in answer.stderr


def test_infos_go_to_standard_error(here, data):
    answer = here("query", "rate(host_cpu_busy_ratio[1m])", "--data", str(data))
    assert "info:" in answer.stderr
    assert "info" not in answer.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["sum("], "BAD_QUERY", "1:5"),
        (["up", "--at", "later"], "BAD_USAGE", "later"),
        (["up", "--step", "0"], "BAD_USAGE", "step"),
        (["up", "--at", "now", "--range", "1h"], "BAD_USAGE", "end"),
        (["up", "--csv"], "BAD_USAGE", "--csv"),
        (["up", "--plot"], "BAD_USAGE", "--plot"),
        (["up[5m]", "--range", "1h"], "BAD_QUERY", "range vector"),
    ],
)
def test_wrong_usage(here, data, arguments, code, says):
    answer = here("query", *arguments, "--json", "--data", str(data))
    error = json.loads(answer.stdout)["error"]
    assert (answer.returncode, error["code"]) == (2, code)
    assert says in error["message"]


def test_a_plot_draws_the_last_hour(here, data):
    lines = here("query", CPU, "--plot", "--data", str(data)).stdout.splitlines()
    assert lines[0].startswith("host_cpu_busy_ratio")
    assert any("%" in line and "┤" in line for line in lines)
    assert [line.split()[0] for line in lines[-2:]] == ["A", "B"]
    assert "\x1b" not in "".join(lines)


def test_a_plot_of_one_moment_has_bars(here, data):
    lines = here("query", CPU, "--plot", "--at", "-10s", "--data", str(data)).stdout.splitlines()
    assert [("█" in line, "25%" in line) for line in lines[1:]] == [(True, True)] * 2


def test_a_plot_fits_the_terminal_and_knows_its_colours(tmp_path, data):
    arguments = ("query", CPU, "--plot", "--data", str(data))
    env = surroundings(tmp_path, TERM="xterm-256color", PYTHONIOENCODING="utf-8")
    code, coloured = on_terminal(*arguments, columns=60, env=env)
    assert code == 0
    assert ANSI.search(coloured)
    assert max(map(len, ANSI.sub("", coloured).splitlines())) <= 60
    _, plain = on_terminal(*arguments, columns=60, env=env | {"NO_COLOR": "1"})
    assert not ANSI.search(plain)


def test_an_encoding_without_braille_gets_ascii(firstlight_command, data):
    ascii_only = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    answer = firstlight_command("query", CPU, "--plot", "--data", str(data), env=ascii_only)
    assert answer.returncode == 0
    assert "\\u" not in answer.stdout
    assert "+---" in answer.stdout


def test_watching_asks_again(tmp_path, data):
    command = [sys.executable, "-m", "firstlight", "query", "time()", "--watch", "0.1", "--csv", "--data", str(data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=surroundings(tmp_path)) as process:
        assert process.stdout is not None
        values = [row.split(",")[1] for row in (process.stdout.readline() for _ in range(8)) if row.startswith("2")]
        process.send_signal(2)
        process.stdout.read()
        assert process.wait(20) == 0
    assert len(values) > 1
    assert values == sorted(set(values))


def test_metrics_are_listed_as_promql_calls_them(here, data):
    found = json.loads(here("metrics", "--json", "--data", str(data)).stdout)
    assert found == [{"name": "host_cpu_busy_ratio", "type": "gauge", "series": 3, "unit": "", "help": ""}]
    assert here("metrics", "CPU", "--data", str(data)).stdout.splitlines()[1].startswith("host_cpu_busy_ratio\t")
    assert json.loads(here("metrics", "nothing", "--json", "--data", str(data)).stdout) == []


def test_a_hub_lists_its_metrics(here, hub):
    found = {one["name"]: one for one in json.loads(here("metrics", "--json", "--url", hub.url).stdout)}
    assert found["host_cpu_busy_ratio"]["series"] >= 3
    assert found["host_uptime_seconds"]["help"] if "host_uptime_seconds" in found else len(found) > 3


def test_the_shell_completes_the_name_at_the_end(firstlight_command, data):
    line = {"_FIRSTLIGHT_COMPLETE": "zsh_complete", "COMP_CWORD": "4"}
    words = f"firstlight query --data {data} 'sum(host_cpu"
    answer = firstlight_command(env=line | {"COMP_WORDS": words})
    assert "sum(host_cpu_busy_ratio" in answer.stdout
    missing = firstlight_command(env=line | {"COMP_WORDS": words.replace(str(data), "/nowhere/at/all")})
    assert (missing.returncode, missing.stdout.strip(), missing.stderr) == (0, "", "")


def prometheus(double, data, query, *, start_ns, end_ns, step_ns):
    """Let ``double`` answer as Prometheus does over the rows of ``data``."""
    with Lake.open(data, read_only=True) as lake:
        instant = lake.promql_engine.instant(query, end_ns)
        ranged = lake.promql_engine.range(query, start_ns, end_ns, step_ns)
    for path, answer in (("/api/v1/query", instant), ("/api/v1/query_range", ranged)):
        body = b'{"status":"success","data":%b,"warnings":["half of it"]}' % answer_bytes(answer)
        double.answers[path] = (200, "application/json", body)


def test_a_hub_is_asked_as_prometheus(here, double, data):
    end_s = time.time_ns() // 10**9 - 10
    ends = {"start_ns": (end_s - 20) * 10**9, "end_ns": end_s * 10**9, "step_ns": 10 * 10**9}
    prometheus(double, data, CPU, **ends)
    for options in (["--at", str(end_s)], ["--range", "20s", "--end", str(end_s), "--step", "10s"]):
        of_lake = here("query", CPU, *options, "--csv", "--data", str(data))
        of_hub = here("query", CPU, *options, "--csv", "--url", double.url)
        assert (of_hub.returncode, of_hub.stdout) == (0, of_lake.stdout)
        assert len(rows_of(of_hub.stdout)) in {2, 6}
        assert "half of it" in of_hub.stderr
    instant, ranged = [parse_qs(urlsplit(path).query) for path, _ in double.asked]
    assert instant == {"query": [CPU], "time": [str(end_s)]}
    assert ranged == {"query": [CPU], "start": [str(end_s - 20)], "end": [str(end_s)], "step": ["10"]}


@pytest.mark.parametrize(
    ("status", "kind", "code", "exit_code"),
    [
        (400, "bad_data", "BAD_QUERY", 2),
        (422, "execution", "BAD_QUERY", 2),
        (503, "timeout", "BAD_QUERY", 2),
        (503, "unavailable", "UNAVAILABLE", 3),
        (500, "internal", "NOT_REACHABLE", 3),
    ],
)
def test_a_hub_says_what_is_wrong(here, double, status, kind, code, exit_code):
    body = json.dumps({"status": "error", "errorType": kind, "error": "1:1: because"}).encode()
    double.answers["/api/v1/query"] = (status, "application/json", body)
    answer = here("query", "up", "--json", "--url", double.url)
    error = json.loads(answer.stdout)["error"]
    assert (answer.returncode, error["code"]) == (exit_code, code)
    assert "because" in error["message"]


def test_a_server_that_is_no_hub(here, double):
    double.answers["/api/v1/query"] = (200, "application/json", b'{"data": {}}')
    answer = here("query", "up", "--url", double.url)
    assert answer.returncode == 3
    assert "no Firstlight hub" in answer.stderr


def test_a_real_hub_is_asked(here, hub):
    (row,) = json.loads(here("query", "count(host_cpu_busy_ratio) > 0", "--url", hub.url, "--json").stdout)
    assert row["value"] >= 1
    asked = ("query", "host_cpu_busy_ratio", "--range", "30s", "--step", "5s", "--url", hub.url)
    assert {row["job"] for row in rows_of(here(*asked, "--csv").stdout)} == {"host"}
    wrong = here("query", "rate(", "--url", hub.url)
    assert wrong.returncode != 0
    assert "parse error" in wrong.stderr
    names = here("metrics", "host_cpu", "--url", hub.url)
    assert "host_cpu_busy_ratio" in names.stdout
