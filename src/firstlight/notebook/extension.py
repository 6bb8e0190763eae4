"""``%promql`` and ``%sql`` for IPython and Jupyter."""

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol

from firstlight.app.asking import DEFAULT_ROWS, promql, sql
from firstlight.errors import FirstlightError, UsageError
from firstlight.notebook.arguments import Given, Options, read_cell

if TYPE_CHECKING:
    from firstlight.query.promql.frame import Frame
    from firstlight.query.rows import RowSet

_PLACES = {"data": True, "url": True, "output": True, "as": True}
PROMQL_OPTIONS: Options = {
    "at": True,
    "range": True,
    "start": True,
    "end": True,
    "step": True,
    "plot": False,
    "wide": False,
    **_PLACES,
}
SQL_OPTIONS: Options = {"limit": True, **_PLACES}
_FORMS = ("pandas", "polars", "arrow", "frame")
_TIMES = ("at", "range", "start", "end", "step")
_KINDS = ("line", "cell")


class Shell(Protocol):
    """What we use of IPython's ``InteractiveShell``."""

    @property
    def display_pub(self) -> Any:
        """Shows what is more than text."""

    @property
    def magics_manager(self) -> Any:
        """Knows the magics."""

    @property
    def user_ns(self) -> dict[str, Any]:
        """The variables of the notebook."""

    def register_magic_function(self, func: Any, magic_kind: str, magic_name: str) -> None:
        """Make ``func`` a magic."""


def load_ipython_extension(ipython: Shell) -> None:
    """Give ``ipython`` the magics ``%promql``, ``%%promql``, ``%sql`` and ``%%sql``; IPython calls this.

    A ``%sql`` that another extension brought is replaced.
    """
    magics = Magics(ipython)
    # Braces are PromQL's own, so IPython must not put values of variables there.
    keep = import_module("IPython.core.magic").no_var_expand
    for name, function in magics.by_name().items():
        ipython.register_magic_function(keep(function), magic_kind="line_cell", magic_name=name)


def unload_ipython_extension(ipython: Shell) -> None:
    """Take the magics away again; IPython calls this."""
    for name in Magics(ipython).by_name():
        for kind in _KINDS:
            ipython.magics_manager.magics[kind].pop(name, None)


class Magics:
    """The magics of one shell."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def by_name(self) -> dict[str, Callable[[str, str | None], Any]]:
        """Return each magic by its name."""

        def ask_promql(line: str, cell: str | None = None) -> Any:
            """Evaluate PromQL: ``%promql [name <<] [options] QUERY``, or ``%%promql`` with the query below.

            Options: --at MOMENT, --range SPAN, --start, --end, --step SPAN, --plot, --wide, --data DIR, --url URL,
            --as pandas|polars|arrow|frame, -o NAME.
            """
            return self._told(self._promql, line, cell)

        def ask_sql(line: str, cell: str | None = None) -> Any:
            """Run SQL: ``%sql [name <<] [options] STATEMENT``, or ``%%sql`` with the statement below.

            Options: --limit ROWS, --data DIR, --url URL, --as pandas|polars|arrow|frame, -o NAME.
            """
            return self._told(self._sql, line, cell)

        return {"promql": ask_promql, "sql": ask_sql}

    def _told(self, ask: Callable[[str, str | None], Any], line: str, cell: str | None) -> Any:
        """Ask; what is wrong with the question is one line, not a stack of our frames."""
        try:
            return ask(line, cell)
        except FirstlightError as error:
            raise import_module("IPython.core.error").UsageError(f"{type(error).__name__}: {error}") from None

    def _promql(self, line: str, cell: str | None) -> Any:
        given = read_cell(line, cell, PROMQL_OPTIONS)
        form = _form(given, "frame")
        times: dict[str, Any] = {key: given.values[key] for key in _TIMES if key in given.values}
        if "plot" in given.values and not times:
            times = {"range": "1h"}
        frame = promql(given.question, **times, lake=given.values.get("data"), url=given.values.get("url"))
        _note([*frame.warnings, *frame.infos])
        if "plot" in given.values:
            chart = frame.plot()
            self._shell.display_pub.publish({"text/html": chart._repr_html_(), "text/plain": repr(chart)})
        return self._answered(_converted(frame, form, {"wide": True} if "wide" in given.values else {}), given)

    def _sql(self, line: str, cell: str | None) -> Any:
        given = read_cell(line, cell, SQL_OPTIONS)
        form = _form(given, "arrow")
        limit = _count(given.values.get("limit", str(DEFAULT_ROWS)))
        rows = sql(given.question, lake=given.values.get("data"), url=given.values.get("url"), limit=limit)
        more = [f"only the first {limit:,} rows are here; ask for more with --limit"] if rows.truncated else []
        _note([*rows.warnings, *more])
        return self._answered(_converted(rows, form, {}), given)

    def _answered(self, answer: Any, given: Given) -> Any:
        if not given.name:
            return answer
        self._shell.user_ns[given.name] = answer
        return None


def _form(given: Given, without_tables: str) -> str:
    """Return what the answer shall be: what was said, else a DataFrame of what is installed."""
    said = given.values.get("as")
    if said is None:
        return next((name for name in ("pandas", "polars") if find_spec(name)), without_tables)
    if said not in _FORMS:
        raise UsageError(f"--as {said} is none of {', '.join(_FORMS)}")
    return said


def _converted(answer: "Frame | RowSet", form: str, options: dict[str, bool]) -> Any:
    return answer if form == "frame" else getattr(answer, form)(**options)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise UsageError(f"--limit {text} is no number of rows")
    return int(text)


def _note(texts: list[str]) -> None:
    for text in texts:
        sys.stderr.write(f"firstlight: {text}\n")
