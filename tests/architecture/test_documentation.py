"""What the code offers is documented: each command, setting, metric, table, error, port, plug-in and dependency."""

import ast
import inspect
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pyarrow as pa
import pytest

from firstlight import errors, ports
from firstlight.app.instruments import Counter, Gauge, Histogram
from firstlight.app.lake import Lake
from firstlight.app.self_metrics import SelfMetrics
from firstlight.app.settings import LEAVES
from firstlight.cli import exits
from firstlight.cli.application import firstlight as command_line
from firstlight.hub.application import ROUTES
from firstlight.ingest.host.catalog import METRICS as HOST_METRICS
from firstlight.plugins import BUILTINS
from firstlight.query.sql import TABLES
from firstlight.store import schema

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SHARED_OPTIONS = {"--json", "--url", "--data", "--timeout"}
METRIC_NAME = re.compile(r"(firstlight|process|host)_[a-z_]+_(total|bytes|seconds|ratio|count)")


def page(name: str) -> str:
    return (DOCS / f"{name}.md").read_text()


def sections(text: str, mark: str = "##") -> dict[str, str]:
    """Return the text below each second-level heading, or those of another ``mark``."""
    return {part.partition("\n")[0].strip(): part for part in text.split(f"\n{mark} ")[1:]}


def table_rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield " ".join(("firstlight", *path)), command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from commands(found, (*path, name))


def options(command: click.Command) -> set[str]:
    shown = [item for item in command.params if isinstance(item, click.Option) and not item.hidden]
    return {name for option in shown for name in (*option.opts, *option.secondary_opts)}


COMMANDS = dict(commands(command_line))


def test_the_documentation_names_the_commands_that_there_are() -> None:
    assert {heading for heading in sections(page("cli")) if heading.startswith("firstlight ")} == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_its_options_documented(name: str) -> None:
    documented = set(re.findall(r"`(--?[a-z-]+)`", sections(page("cli"))[name]))
    assert options(COMMANDS[name]) - SHARED_OPTIONS <= documented <= options(COMMANDS[name])


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_helps_and_speaks_json(name: str) -> None:
    assert COMMANDS[name].help
    assert "--json" in options(COMMANDS[name])


def test_the_options_of_all_commands_are_documented() -> None:
    documented = set(re.findall(r"`(--[a-z]+)`", sections(page("cli"))["Options for all"]))
    assert documented == options(command_line) - {"--help", "-h"}


def test_every_setting_is_documented_with_its_variable_and_default() -> None:
    rows = table_rows(sections(page("configuration"))["Settings"])[1:]
    written = {tuple(row[:3]) for row in rows}
    assert all(row[3] for row in rows)
    actual = {(f"`{leaf.path}`", f"`{leaf.variable}`", f"`{json.dumps(leaf.default)}`") for leaf in LEAVES.values()}
    assert written == actual


def test_every_metric_of_the_host_is_documented() -> None:
    written = {tuple(row[:3]) for row in table_rows(sections(page("metrics"))["Of the host"])[1:]}
    assert written == {(f"`{name}`", kind.value, unit) for name, (kind, unit, _) in HOST_METRICS.items()}


def test_every_metric_of_the_hub_is_documented(tmp_path: Path) -> None:
    lake = Lake.open(tmp_path)
    try:
        metrics = SelfMetrics(lake.stats)
        read = {series.name for series, _ in metrics.registry.collect()}
    finally:
        lake.close()
    made = {item.name for item in vars(metrics).values() if isinstance(item, Counter | Gauge | Histogram)}
    written = {row[0].strip("`") for row in table_rows(sections(page("metrics"))["Of the hub"])[1:]}
    assert written == read | made


def test_every_metric_that_the_sources_name_is_documented() -> None:
    names = set()
    for path in (ROOT / "src").rglob("*.py"):
        constants = (node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant))
        names |= {text for text in constants if isinstance(text, str) and METRIC_NAME.fullmatch(text)}
    assert names - set(re.findall(r"`(\w+)`", page("metrics"))) == set()


def test_every_route_is_documented() -> None:
    text = page("http-api")
    paths = {path.partition("{")[0] for route in ROUTES for path in route.paths}
    assert {path for path in paths if not re.search(rf"[` ]{re.escape(path)}[`?…]", text)} == set()


def test_every_table_is_documented_with_its_columns(tmp_path: Path) -> None:
    lake = Lake.open(tmp_path)
    try:
        actual = {table: [list(row[:2]) for row in lake.sql(f"describe {table}").rows] for table in TABLES}
    finally:
        lake.close()
    written = sections(page("sql"))
    for table, columns in actual.items():
        assert [[row[0].strip("`"), row[1]] for row in table_rows(written[table])[1:]] == columns, table


def test_the_columns_of_segments_are_documented() -> None:
    names = {pa.int64(): "int64", pa.int32(): "int32", pa.int16(): "int16", pa.int8(): "int8", pa.string(): "string"}
    names |= {pa.float64(): "double", pa.float32(): "float", schema.TIME: "timestamp, UTC"}
    names |= {schema.LABELS: "map of string to string", pa.list_(pa.int64()): "list of int64"}
    names |= {pa.list_(pa.float64()): "list of double"}
    parts = sections(sections(page("lake"))["Segments"], "###")
    written = {name: table_rows(text) for title, text in parts.items() for name in title.split(", ")}
    for table, columns in schema.TABLES.items():
        shown = [[row[0].strip("`"), row[1]] for row in written[table][1:]]
        assert shown == [[column.name, names[column.type]] for column in columns], table


def test_every_error_is_documented() -> None:
    classes = {name for name, item in vars(errors).items() if inspect.isclass(item)}
    written = {row[0].strip("`") for row in table_rows(sections(page("errors"))["Errors"])[1:]}
    assert written == classes
    tree = inspect.getdoc(errors) or ""
    assert {name for name in classes if not re.search(rf"\b{name}\b", tree)} == set()


def test_every_exit_code_is_documented() -> None:
    codes = {value for name, value in vars(exits).items() if name.isupper() and isinstance(value, int)}
    assert {int(row[0]) for row in table_rows(sections(page("errors"))["Exit codes"])[1:]} == codes


def test_every_port_is_documented() -> None:
    tree = inspect.getsource(ports)
    actual = set(re.findall(r"^(?:class )?([A-Z]\w+)(?:\(Protocol\):| = )", tree, re.MULTILINE))
    written = {row[0].strip("`") for row in table_rows(sections(page("architecture"))["Ports"]) if row[0][0] == "`"}
    assert actual <= written


def test_every_built_in_is_documented() -> None:
    written = {
        (row[0].strip("`"), row[1]) for row in table_rows(sections(page("architecture"))["Ports"]) if len(row) == 3
    }
    actual = {(kind, ", ".join(f"`{name}`" for name in sorted(names))) for kind, names in BUILTINS.items()}
    assert actual <= written


def test_every_dependency_has_its_reason_and_its_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = [*project["dependencies"], *project["optional-dependencies"]["hub"]]
    locked: dict[str, list[str]] = {}
    for name, version in re.findall(
        r"^([a-z0-9-]+)==(\S+)", (ROOT / "requirements/hub.lock").read_text(), re.MULTILINE
    ):
        locked.setdefault(name, []).append(version)
    written = {row[0]: row[1] for row in table_rows(sections(page("architecture"))["Dependencies"])[1:]}
    names = {re.split(r"[<>=]", requirement)[0] for requirement in declared}
    assert written == {name: ", ".join(locked[name]) for name in names}


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", tmp_path / "site"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr
    pages = {path.stem for path in DOCS.glob("*.md")}
    assert pages == {path.stem for path in (tmp_path / "site").glob("*.html")} - {"404"}


@pytest.mark.parametrize("path", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_between_the_pages_at_the_top_lead_somewhere(path: str) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / path).read_text())
    assert [target for target in targets if not (ROOT / target).exists()] == []


@pytest.mark.parametrize("path", ["README.md", "docs/getting-started.md"])
def test_the_example_records_what_it_says(path: str, tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(import firstlight.*?)```", (ROOT / path).read_text(), re.DOTALL)
    (program,) = blocks
    environment = os.environ | {"FIRSTLIGHT_DATA_DIR": str(tmp_path)}
    outcome = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "", "")
    lake = Lake.open(tmp_path)
    try:
        (order,) = lake.sql(
            "select subsystem, component from events where service = 'shop' and name = 'order_paid'"
        ).rows
        (span,) = lake.sql("select name, attributes->>'order_id' from spans where service = 'shop'").rows
        (paid,) = lake.sql(
            "select max(value) from metrics where name = 'orders_paid_total' and labels['country'] = 'NO'"
        ).rows
    finally:
        lake.close()
    assert (order, span, paid) == (("orders", "checkout"), ("pay", "4711"), (1.0,))
