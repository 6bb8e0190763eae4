import csv
import io
import json
import math
import subprocess
import sys

import pytest

from tests.cli.conftest import surroundings
from tests.cli.terminal import on_terminal


@pytest.fixture(params=["hub", "data"])
def place(request):
    """Return the options that name each place that answers."""
    if request.param == "hub":
        return ["--url", request.getfixturevalue("hub").url]
    return ["--data", str(request.getfixturevalue("data"))]


def test_a_single_value_in_a_pipe_stands_alone(firstlight_command, place):
    answer = firstlight_command("sql", "select count(*) from spans where service='demo'", *place)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "10\n", "")


def test_a_pipe_gets_tab_separated_lines(here, place):
    query = (
        "select 'a\tb' as text, null as nothing, 9007199254740993 as big, 1.5 as half, true as yes "
        "union all select '', 1, 2, 3.5, false order by 1"
    )
    answer = here("sql", query, *place)
    assert (
        answer.stdout == "text\tnothing\tbig\thalf\tyes\n\t1\t2\t3.5\tfalse\na\\tb\tNULL\t9007199254740993\t1.5\ttrue\n"
    )


def test_json_is_an_array_of_objects(here, place):
    query = (
        "select 1 as a, 2 as a, 'é\\x1b' as t, 'nan'::double as n, '-inf'::double as i, [1, null] as l, "
        "map {'k': 'v'} as m, timestamptz '2026-01-02 03:04:05.5+00' as w, 9007199254740993 as big"
    )
    answer = here("sql", query, "--json", *place)
    assert json.loads(answer.stdout) == [
        {
            "a": 1,
            "a_2": 2,
            "t": "é\\x1b",
            "n": "NaN",
            "i": "-Inf",
            "l": [1, None],
            "m": {"k": "v"},
            "w": "2026-01-02T03:04:05.500000Z",
            "big": 9007199254740993,
        }
    ]


def test_json_has_a_row_a_line(here, hub):
    answer = here("sql", "select i from range(3) t(i)", "--json", "--url", hub.url)
    assert answer.stdout == '[{"i": 0},\n {"i": 1},\n {"i": 2}]\n'
    assert here("sql", "select 1 where false", "--json", "--url", hub.url).stdout == "[]\n"


def test_csv_is_read_back_by_others(here, hub):
    query = "select 'a,\"b\"\nc' as x, null as y, '' as z"
    answer = here("sql", query, "--csv", "--url", hub.url)
    assert list(csv.reader(io.StringIO(answer.stdout))) == [["x", "y", "z"], ['a,"b"\nc', "", ""]]
    assert answer.stdout.endswith(',,""\n')


def test_the_statement_comes_from_a_pipe_a_dash_or_a_file(firstlight_command, hub, tmp_path):
    place = ["--url", hub.url]
    query = "select 'grüße' -- a comment\n"
    (tmp_path / "q.sql").write_text(query, "utf-8")
    answers = [
        firstlight_command("sql", *place, stdin=query),
        firstlight_command("sql", "-", *place, stdin=query),
        firstlight_command("sql", "--file", "q.sql", *place),
    ]
    assert [answer.stdout for answer in answers] == ["grüße\n"] * 3


def test_limit_cuts_and_says_so(here, place):
    answer = here("sql", "select i from range(10) t(i)", "--limit", "3", *place)
    assert answer.stdout.split() == ["i", "0", "1", "2"]
    assert "first 3 rows" in answer.stderr
    assert answer.returncode == 0


def test_a_bad_query_ends_with_2(here, place):
    answer = here("sql", "selec 1", *place)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.count("\n") == 1
    assert "selec" in answer.stderr


@pytest.mark.parametrize("query", ["select * from nowhere", "drop table events", "select 1; select 2"])
def test_a_bad_query_in_json(here, hub, query):
    answer = here("sql", query, "--json", "--url", hub.url)
    assert answer.returncode == 2
    assert json.loads(answer.stdout)["error"]["code"] == "BAD_QUERY"


def test_options_before_the_noun_count_too(firstlight_command, hub):
    before = firstlight_command("--json", "--url", hub.url, "sql", "select 1 as a")
    assert json.loads(before.stdout) == [{"a": 1}]


def test_a_reader_that_leaves_is_no_failure(tmp_path, hub):
    command = [sys.executable, "-m", "firstlight", "sql", "select i, repeat('x', 100) from range(50000) t(i)"]
    command += ["--limit", "50000", "--url", hub.url]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, env=surroundings(tmp_path)) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(20) == 0


def test_what_the_encoding_does_not_know_is_escaped(firstlight_command, data):
    ascii_only = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    answer = firstlight_command("sql", "select 'é→😀'", "--data", str(data), env=ascii_only)
    assert (answer.returncode, answer.stdout) == (0, "\\xe9\\u2192\\U0001f600\n")


def test_a_table_fits_the_terminal(tmp_path, data):
    query = "select 7 as n, 'left' as word, null as nothing, repeat('wide ', 40) as rest, chr(27) || '[31mred' as steer"
    arguments = ("sql", query, "--data", str(data))
    code, screen = on_terminal(*arguments, columns=60, env=surroundings(tmp_path, TERM="dumb"))
    lines = screen.splitlines()
    assert code == 0
    assert all(len(line) <= 60 for line in lines)
    assert lines[0].split() == ["n", "word", "nothing", "rest", "steer"]
    assert lines[1].split()[:4] == ["7", "left", "NULL", "wide"]
    assert "…" in lines[1]
    assert "\\x1b[31mred" in lines[1]
    assert lines[2].strip() == "1 row"


def test_a_narrow_terminal_gets_a_value_a_line(tmp_path, data):
    columns = ", ".join(f"'value {number}' as column_{number}" for number in range(8))
    arguments = ("sql", f"select {columns} union all select {columns}", "--data", str(data))
    code, screen = on_terminal(*arguments, columns=40, env=surroundings(tmp_path, TERM="dumb"))
    assert code == 0
    lines = screen.splitlines()
    assert lines[:2] == ["column_0  value 0", "column_1  value 1"]
    assert lines[8:10] == ["", "column_0  value 0"]
    assert lines[-1].strip() == "2 rows"


def test_numbers_stand_right_and_colours_can_be_unwanted(tmp_path, data):
    query = "select 5 as number, 'a' as text union all select 12345, 'bcd' order by 1"
    arguments = ("sql", query, "--data", str(data))
    env = surroundings(tmp_path, TERM="xterm-256color")
    _, coloured = on_terminal(*arguments, columns=80, env=env)
    assert "\x1b[1m" in coloured
    _, plain = on_terminal(*arguments, columns=80, env=env | {"NO_COLOR": "1", "TERM": "dumb"})
    assert [line.rstrip() for line in plain.splitlines()[:3]] == ["number  text", "     5  a", " 12345  bcd"]


def test_a_count_is_exact_beyond_what_floats_hold(here, data):
    query = "select sum(x) from (select 9007199254740993::bigint as x)"
    answer = here("sql", query, "--data", str(data))
    assert int(answer.stdout) == 9007199254740993
    assert math.floor(float(answer.stdout)) != 9007199254740993
