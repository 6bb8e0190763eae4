"""The options that the commands share, before or after a command's name."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from inspect import cleandoc
from pathlib import Path
from typing import Any

import click

from firstlight.errors import UsageError

Decorator = Callable[[Callable[..., int]], Callable[..., int]]

_SHARED: dict[str, Decorator] = {
    "as_json": click.option("--json", "as_json", is_flag=True, help="Answer (and fail) in JSON on standard output."),
    "url": click.option("--url", metavar="URL", help="Ask the hub at this address."),
    "data": click.option("--data", metavar="DIR", help="Use this data directory."),
    "timeout_s": click.option(
        "--timeout",
        "timeout_s",
        type=float,
        metavar="SECONDS",
        help="Wait this long for a hub.  [default: 10; 40 for sql and query]",
    ),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where the answer shall come from and how it shall look.

    Attributes:
        as_json: JSON instead of text.
        url: a hub's address.
        data: a data directory.
        timeout_s: seconds a hub may be silent; None for as long as the question deserves.
        usual_url: the hub that is asked when neither ``url`` nor ``data`` is given; None for the one in the settings.
        token: what the hub wants to be shown.
    """

    as_json: bool = False
    url: str | None = None
    data: Path | None = None
    timeout_s: float | None = None
    usual_url: str | None = None
    token: str = ""


def shared(*names: str) -> Decorator:
    """Return a decorator that gives a command the shared options ``names`` (all of them when there are none).

    The command's own first parameter is the :class:`Wanted` that they and those before the command's name come to.
    """
    chosen = names or tuple(_SHARED)

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        def run(**options: Any) -> int:
            common = {name: options.pop(name) for name in chosen}
            given = click.get_current_context().find_object(Wanted) or Wanted()
            return command(laid_over(given, common), **options)

        wrapped: Callable[..., int] = wraps(command)(run)
        wrapped.__doc__ = _keep_lines(command.__doc__ or "")
        for name in reversed(chosen):
            wrapped = _SHARED[name](wrapped)
        return wrapped

    return decorate


def laid_over(given: Wanted, common: dict[str, Any]) -> Wanted:
    """Return ``given`` with those of the options ``common`` that were said.

    Raises:
        UsageError: they contradict each other or are out of bounds.
    """
    said = {name: value for name, value in common.items() if value is not None and value is not False}
    if "data" in said:
        said["data"] = Path(said["data"])
    merged = replace(given, **said)
    if merged.url is not None and merged.data is not None:
        raise UsageError("--url and --data name two places; give one of them")
    if merged.timeout_s is not None and not 0 < merged.timeout_s < float("inf"):
        raise UsageError("--timeout must be a number of seconds above 0")
    return merged


def _keep_lines(text: str) -> str:
    """Return ``text`` with click's mark before the examples, which must not be wrapped."""
    return cleandoc(text).replace("Examples:\n", "\b\nExamples:\n")
