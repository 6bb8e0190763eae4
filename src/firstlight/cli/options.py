"""The options that the commands share, before or after a command's name."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from firstlight.errors import UsageError

DEFAULT_TIMEOUT_S = 10.0

Json = Annotated[bool, typer.Option("--json", help="Answer (and fail) in JSON on standard output.", show_default=False)]
Url = Annotated[str | None, typer.Option("--url", metavar="URL", help="Ask the hub at this address.")]
Data = Annotated[str | None, typer.Option("--data", metavar="DIR", help="Use this data directory.")]
Timeout = Annotated[
    float | None, typer.Option("--timeout", metavar="SECONDS", help="Wait this long for a hub.  [default: 10]")
]

_SHARED: dict[str, tuple[Any, Any]] = {
    "as_json": (Json, False),
    "url": (Url, None),
    "data": (Data, None),
    "timeout_s": (Timeout, None),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where the answer shall come from and how it shall look.

    Attributes:
        as_json: JSON instead of text.
        url: a hub's address.
        data: a data directory.
        timeout_s: seconds a hub may be silent.
        usual_url: the hub that is asked when neither ``url`` nor ``data`` is given; None for the one in the settings.
        token: what the hub wants to be shown.
    """

    as_json: bool = False
    url: str | None = None
    data: Path | None = None
    timeout_s: float = DEFAULT_TIMEOUT_S
    usual_url: str | None = None
    token: str = ""


def wanted(
    context: typer.Context,
    as_json: bool = False,
    url: str | None = None,
    data: str | None = None,
    timeout_s: float | None = None,
) -> Wanted:
    """Return a command's options laid over those given before its name.

    Raises:
        UsageError: they contradict each other.
    """
    given = context.find_object(Wanted) or Wanted()
    merged = replace(
        given,
        as_json=as_json or given.as_json,
        url=given.url if url is None else url,
        data=given.data if data is None else Path(data),
        timeout_s=given.timeout_s if timeout_s is None else timeout_s,
    )
    if merged.url is not None and merged.data is not None:
        raise UsageError("--url and --data name two places; give one of them")
    if not 0 < merged.timeout_s < float("inf"):
        raise UsageError("--timeout must be a number of seconds above 0")
    return merged


def shared(*names: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Return a decorator that gives a command the shared options ``names`` (all of them when there are none).

    The command's own first parameter is the :class:`Wanted` that they come to.
    """
    chosen = {name: _SHARED[name] for name in names or _SHARED}

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        @wraps(command)
        def run(context: typer.Context, **options: Any) -> int:
            common = {name: options.pop(name) for name in chosen}
            return command(wanted(context, **common), **options)

        _describe(run, command, chosen)
        return run

    return decorate


def _describe(run: Callable[..., int], command: Callable[..., int], chosen: dict[str, tuple[Any, Any]]) -> None:
    """Make ``run`` look to typer as if it had been written with every option spelled out."""
    own = list(inspect.signature(command).parameters.values())[1:]
    keyword = inspect.Parameter.KEYWORD_ONLY
    first = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    rest = [parameter.replace(kind=keyword) for parameter in own]
    rest += [
        inspect.Parameter(name, keyword, default=default, annotation=annotation)
        for name, (annotation, default) in chosen.items()
    ]
    signature = inspect.Signature([first, *rest], return_annotation=int)
    run.__signature__ = signature  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in signature.parameters.values()}
