"""What a query's answer has to be read with: warnings and hints."""

from firstlight.query.promql.language.syntax import Place, line_and_column

_MOST = 10


class Annotations:
    """Warnings and infos of one query, each once.

    Args:
        text: the query, whose lines and columns they name.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._warnings: dict[str, None] = {}
        self._infos: dict[str, None] = {}

    def warn(self, message: str, place: Place) -> None:
        """Note that part of the answer is missing or doubtful."""
        self._warnings[f"PromQL warning: {message} {self._position(place)}"] = None

    def inform(self, message: str, place: Place) -> None:
        """Note what the asker may not have meant."""
        self._infos[f"PromQL info: {message} {self._position(place)}"] = None

    @property
    def warnings(self) -> list[str]:
        """The warnings, at most ten."""
        return _limited(list(self._warnings), "warning")

    @property
    def infos(self) -> list[str]:
        """The infos, at most ten."""
        return _limited(list(self._infos), "info")

    def _position(self, place: Place) -> str:
        line, column = line_and_column(self._text, place.start)
        return f"({line}:{column})"


def _limited(texts: list[str], kind: str) -> list[str]:
    left = len(texts) - _MOST
    return [*texts[:_MOST], f"{left} more {kind} annotations omitted"] if left > 0 else texts
