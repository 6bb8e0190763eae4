"""Regular expressions as Prometheus means them: RE2, anchored, the dot for line breaks too."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


def anchored(expression: str) -> str:
    """Return the RE2 expression that only whole texts meet."""
    return f"^(?s:{expression})$"


def which_match(expression: str, texts: Sequence[str]) -> Any:
    """Return an array that says which of ``texts`` meet ``expression``.

    Raises:
        ValueError: it is no RE2 expression.
    """
    found = pc.match_substring_regex(pa.array(texts, pa.string()), anchored(expression))
    return found.to_numpy(zero_copy_only=False)


def full_match(expression: str, text: str) -> bool:
    """Return whether ``text`` meets ``expression``.

    Raises:
        ValueError: it is no RE2 expression.
    """
    return bool(which_match(expression, [text])[0])
