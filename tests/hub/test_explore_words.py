"""What the explore page knows of PromQL, of SQL and of time, without a page."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from firstlight.query.promql.language.signatures import AGGREGATIONS, SIGNATURES
from tests.hub.page_session import Hub, running_hub

DOCS = Path(__file__).resolve().parents[2] / "docs"
RUN = """async ([module, body]) => {
    const given = await import(`/static/explore/${module}.js`);
    return JSON.parse(JSON.stringify(new Function("given", "return " + body)(given)));
}"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with running_hub(tmp_path_factory.mktemp("words")) as running:
        yield running


@pytest.fixture(scope="module")
def blank(browser: Browser, hub: Hub) -> Iterator[Page]:
    """A page of the hub without its policy, so that a test may run its own text."""
    context = browser.new_context(bypass_csp=True)
    page = context.new_page()
    page.goto(hub.url + "/static/css/tokens.css")
    yield page
    context.close()


def run(page: Page, module: str, body: str) -> Any:
    return page.evaluate(RUN, [module, body])


def test_every_function_of_the_engine_is_known_and_no_other(blank: Page) -> None:
    words = run(blank, "promql_words", "[...given.FUNCTIONS.entries()]")
    assert {name for name, _ in words} == set(SIGNATURES)
    assert set(run(blank, "promql_words", "[...given.AGGREGATIONS.keys()]")) == AGGREGATIONS
    for name, word in words:
        takes = [each for each in word["signature"].removeprefix(name).strip("()").split(", ") if each]
        kinds = [each.split()[-1].rstrip("?.").replace("range", "matrix") for each in takes]
        assert kinds == list(SIGNATURES[name].args), name
        assert len(word["help"]) > 5


def test_every_table_and_column_of_the_documentation_is_offered(blank: Page) -> None:
    documented = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## )", (DOCS / "sql.md").read_text(), re.MULTILINE | re.DOTALL))
    for table in ("metrics", "series", "samples", "events", "spans"):
        columns = re.findall(r"^\| `(\w+)` \|", documented[table], re.MULTILINE)
        assert run(blank, "sql_words", f"given.TABLES.{table}.split(' ')") == columns


@pytest.mark.parametrize(
    ("text", "place", "typed"),
    [
        ("|", "expression", ""),
        ("su|", "expression", "su"),
        ("sum(ra|", "expression", "ra"),
        ("up |", "after", ""),
        ("up + |", "expression", ""),
        ("up{|", "labels", ""),
        ('up{job="a", ins|', "labels", "ins"),
        ("up{job|", "labels", "job"),
        ("up{job |", "matcher", ""),
        ('up{job="ho|', "value", '"ho'),
        ('up{job="ho|"}', "value", '"ho'),
        ('up{job="host"|', "none", ""),
        ("sum by (|) (up)", "grouping", ""),
        ("sum(up) without (jo|", "grouping", "jo"),
        ("a * on (|) b", "grouping", ""),
        ("rate(up[|", "range", ""),
        ("up # by (|", "none", ""),
    ],
)
def test_the_caret_says_what_may_come(blank: Page, text: str, place: str, typed: str) -> None:
    caret = text.index("|")
    found = run(blank, "context", f"given.contextAt({text.replace('|', '')!r}, {caret})")
    assert (found["place"], found["typed"]) == (place, typed)


def test_a_grouping_and_a_value_know_their_metric(blank: Page) -> None:
    assert run(blank, "context", "given.contextAt('sum by () (rate(x_total[5m]))', 8)")["metric"] == "x_total"
    assert run(blank, "context", "given.contextAt('sum(y) by ()', 11)")["metric"] == "y"
    found = run(blank, "context", """given.contextAt('z{a="1", b=~"2|3", c="', 22)""")
    assert (found["metric"], found["label"], found["matchers"]) == ("z", "c", ['a="1"', 'b=~"2|3"'])


@pytest.mark.parametrize(
    "text", ["sum by (a) (rate(b{c='d'}[5m:1m])) # e", '"open', "ünicode ∑ {", "a" * 50 + "\n\t %%"]
)
def test_every_character_is_in_one_word(blank: Page, text: str) -> None:
    tokens = run(blank, "tokens", f"given.tokenize({text!r})")
    assert "".join(token["text"] for token in tokens) == text


def test_brackets_find_their_partners(blank: Page) -> None:
    pair = "given.pairAt(given.tokenize('sum(rate(x[5m]))'), {})"
    assert run(blank, "tokens", pair.replace("{}", "4")) == [3, 15]
    assert run(blank, "tokens", pair.replace("{}", "15")) == [14, 8]
    assert run(blank, "tokens", "given.pairAt(given.tokenize('sum(x'), 4)") == [3]


def test_an_address_says_the_whole_state_and_survives_nonsense(blank: Page) -> None:
    again = "given.writePlace(given.readPlace({}))"
    whole = "#from=1h&promql=a%7Bb%3D%22c%26d%22%7D+%2B+1&draw=points&hidden=1&only=x&only=y&sql=select+1&show=chart"
    assert run(blank, "place", again.replace("{}", repr(whole))) == whole
    assert run(blank, "place", again.replace("{}", "'#show=table&promql=&show=cake&hidden=maybe&%ff=%zz'")) == (
        "#from=1h&promql="
    )
    many = "'#' + 'promql=a&'.repeat(500)"
    assert run(blank, "place", f"given.readPlace({many}).queries.length") == 12


def test_lengths_and_steps(blank: Page) -> None:
    assert run(blank, "times", "['90s', '1h30m', '0s', 'soon', '', '-1h'].map(given.lengthS)") == [
        90,
        5400,
        *[None] * 4,
    ]
    assert run(blank, "times", "[90, 5400, 0.5].map(given.lengthText)") == ["1m30s", "1h30m", "500ms"]
    assert run(blank, "times", "given.chosenStep('', 3600, 900)") == 10
    assert run(blank, "times", "86400 * 30 / given.chosenStep('1s', 86400 * 30, 900)") <= 11_000
    assert run(blank, "times", "given.onSteps({ startS: 101, endS: 209 }, 10)") == {"startS": 110, "endS": 200}
    assert run(blank, "times", "given.onSteps({ startS: 1000, endS: 8999 }, 3600)") == {"startS": 1799, "endS": 8999}


def test_the_place_of_an_error_counts_bytes_and_lines(blank: Page) -> None:
    assert run(blank, "ask", r"given.placeOf('1:5: parse error: x', 'sum(')") == 4
    assert run(blank, "ask", r"given.placeOf('2:4: parse error: x', 'up\n\u00fc + +')") == 5
    assert run(blank, "ask", r"given.placeOf('no place', 'up')") is None
    message = r"'Parser Error: x\n\nLINE 2: from a wher b\n                    ^'"
    assert run(blank, "ask", rf"given.sqlPlace({message}, 'select *\nfrom a wher b')") == 21


def test_sums_of_what_is_known_and_piles_with_gaps(blank: Page) -> None:
    assert run(blank, "frame", "given.summary([null, 2, 4, null])") == {"last": 4, "min": 2, "max": 4, "avg": 3}
    assert run(blank, "frame", "given.stacked([[1, null, 3], [10, 20, null]])") == [[1, None, 3], [11, 20, None]]
    names = "given.shortNames([{__name__: 'a', b: '1', c: 'x'}, {__name__: 'a', b: '2', c: 'x'}])"
    assert run(blank, "frame", names) == ['{b="1"}', '{b="2"}']
