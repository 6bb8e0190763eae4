"""What the line of a magic says: where the answer goes, options, and the question as it stands, quotes and all."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from firstlight.errors import UsageError

Options = Mapping[str, bool]
"""The options that there are, and whether each takes a value."""

_ASSIGNED = re.compile(r"\s*([^\W\d]\w*)\s*<<")
_OPTION = re.compile(r"\s*(--[a-z-]+|-o)(?:=|\s|$)")
_VALUE = re.compile(r"\s*(\"[^\"]*\"|'[^']*'|\S+)")
_SHORT = {"-o": "--output"}


@dataclass(slots=True)
class Given:
    """What was said.

    Attributes:
        question: without what stood before it.
        values: of the options, by their names without dashes; a flag has an empty text.
        name: of the variable that gets the answer; empty for none.
    """

    question: str
    values: dict[str, str] = field(default_factory=dict)
    name: str = ""


def read_line(line: str, options: Options) -> Given:
    """Return what ``line`` says: ``name << --option value question``.

    Raises:
        UsageError: an option is unknown or has no value, or the answer has two names.
    """
    assigned = _ASSIGNED.match(line)
    given = Given(line[assigned.end() :] if assigned else line)
    while found := _OPTION.match(given.question):
        name = _SHORT.get(found[1], found[1]).removeprefix("--")
        if name not in options:
            raise UsageError(f"there is no option {found[1]}; there are {', '.join(f'--{one}' for one in options)}")
        given.question = given.question[found.end() :]
        given.values[name] = _taken(given, found[1]) if options[name] else ""
    given.name = given.values.pop("output", "")
    if assigned and given.name:
        raise UsageError(f"both {assigned[1]} << and -o {given.name} name the answer; one of them is enough")
    given.name = given.name or (assigned[1] if assigned else "")
    if given.name and not given.name.isidentifier():
        raise UsageError(f"{given.name!r} is no name of a variable")
    given.question = given.question.strip()
    return given


def read_cell(line: str, cell: str | None, options: Options) -> Given:
    """Return what a line, or a line and the cell below it, say; raises as :func:`read_line`."""
    given = read_line(line, options)
    if cell is not None:
        if given.question:
            raise UsageError(f"{given.question!r} stands beside %%; write the question in the lines below")
        given.question = cell.strip()
    if not given.question:
        raise UsageError("there is no question; write it after the options, or below %%")
    return given


def _taken(given: Given, option: str) -> str:
    found = _VALUE.match(given.question)
    if found is None:
        raise UsageError(f"{option} wants a value")
    given.question = given.question[found.end() :]
    return shlex.split(found[1])[0] if found[1][0] in "\"'" else found[1]
