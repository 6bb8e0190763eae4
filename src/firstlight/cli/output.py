"""The only way out: standard output and standard error."""

import json
import os
import sys
import unicodedata
from collections.abc import Iterable
from typing import Any

_KEPT_CONTROLS = "\n\t"


class ReaderGone(Exception):
    """Whoever read our output has closed it, as ``head`` does."""


def prepare() -> None:
    """Let text that the terminal's encoding does not know through as escapes instead of failing on it."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def on_terminal() -> bool:
    """Return whether a person looks at standard output."""
    return sys.stdout is not None and sys.stdout.isatty()


def has_colours() -> bool:
    """Return whether whoever looks at standard output sees colours and wants them."""
    from rich.console import Console

    console = Console()
    return on_terminal() and console.color_system is not None and not console.no_color


def can_write(text: str) -> bool:
    """Return whether standard output's encoding knows all of ``text``."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def write(text: str) -> None:
    """Write ``text`` to standard output.

    Raises:
        ReaderGone: nobody reads any more.
    """
    try:
        sys.stdout.write(text)
    except BrokenPipeError:
        raise ReaderGone from None


def flush() -> None:
    """Push what was written to the reader.

    Raises:
        ReaderGone: nobody reads any more.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise ReaderGone from None


def abandon() -> None:
    """Send what is still buffered nowhere, so that the interpreter does not fail on it when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def note(text: str) -> None:
    """Tell a person something that is no part of the answer."""
    sys.stderr.write(f"firstlight: {printable(text)}\n")


def note_each(texts: Iterable[str]) -> None:
    """Tell a person each of ``texts``."""
    for text in texts:
        note(text)


def write_json(value: Any) -> None:
    """Write ``value`` as indented JSON."""
    write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_json_line(value: Any) -> None:
    """Write ``value`` as one line of JSON."""
    write(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")


def printable(text: str) -> str:
    """Return ``text`` with control characters spelled out, so that a recorded event cannot steer the terminal."""
    if text.isprintable():
        return text
    return "".join(_spelled(character) for character in text)


def one_line(text: str) -> str:
    """Return ``text`` printable and without line breaks."""
    return printable(text.replace("\t", " ").replace("\r\n", "⏎").replace("\n", "⏎"))


def _spelled(character: str) -> str:
    if character in _KEPT_CONTROLS or unicodedata.category(character) not in ("Cc", "Cf", "Cs"):
        return character
    return character.encode("unicode_escape").decode("ascii")
