from collections.abc import Callable, Mapping, Sequence
from typing import Any

def columns(records: Sequence[Any], long_chars: int, big: int, most_chars: int, /) -> tuple[Any, ...]: ...
def written(
    body: bytes, ids: dict[bytes, int], /
) -> tuple[bytes, bytes, bytes, list[int], list[tuple[int, int]], list[tuple[int, int]]]: ...
def event_lines(
    columns: tuple[Sequence[Any], ...],
    heads: Mapping[Any, bytes],
    sender: tuple[bytes, bytes, int | None, bytes],
    second: Callable[[int], str],
    tick_key: str,
    encode: Callable[[Any], bytes],
    /,
) -> bytes: ...
