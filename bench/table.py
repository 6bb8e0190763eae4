"""Plain-text tables."""

from collections.abc import Sequence


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return ``rows`` under ``columns``, the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    lines = [columns, ["-" * width for width in widths], *rows]
    return "\n".join(
        "  ".join(_cell(text, width, at) for at, (text, width) in enumerate(zip(line, widths, strict=True)))
        for line in lines
    )


def figure(value: float) -> str:
    """Return ``value`` with three digits that count."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _cell(text: str, width: int, at: int) -> str:
    return text.ljust(width) if at == 0 else text.rjust(width)
