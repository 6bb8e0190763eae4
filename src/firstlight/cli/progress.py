"""A bar on standard error for work that takes a while; nothing where nobody looks."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Bar(Protocol):
    """Shows how far the work is."""

    def __call__(self, what: str, done: int, total: int, note: str = "") -> None:
        """Show ``done`` of ``total`` (0 when unknown) of ``what``."""


@contextmanager
def bar(unit: str) -> Iterator[Bar]:
    """Show a bar while the block runs.

    Args:
        unit: ``bytes``, or what else is counted.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield _nowhere
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    amount = DownloadColumn() if unit == "bytes" else MofNCompleteColumn()
    columns = (TextColumn("{task.description}"), BarColumn(), amount, TextColumn("{task.fields[note]}"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("", total=None, note="")

        def show(what: str, done: int, total: int, note: str = "") -> None:
            shown.update(task, description=what, completed=done, total=total or None, note=note)

        yield show


def _nowhere(what: str, done: int, total: int, note: str = "") -> None:
    """Show nothing."""
