"""The compiled loops: of the recorder's background path and of remote write's receiver.

They are there where Firstlight was installed with a C compiler at hand.

Each has a twin in Python beside its caller, which does the same where there is none.

Attributes:
    compiled: they, or None.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol


class Compiled(Protocol):
    """What the compiled module offers."""

    def columns(self, records: Sequence[Any], long_chars: int, big: int, most_chars: int, /) -> tuple[Any, ...]:
        """Take events of the front apart.

        Returns what :class:`firstlight.sdk.flow.columns.Apart` holds: texts of ``long_chars`` or more, those that are
        not ASCII and integers from ``big`` on either side of zero are its values.

        Raises:
            ValueError: something is no plain scalar, an integer of more than 64 bits or a text of more than
                ``most_chars``, or a record is no event.
        """

    def event_lines(
        self,
        columns: tuple[Sequence[Any], ...],
        heads: Mapping[Any, bytes],
        sender: tuple[bytes, bytes, int | None, bytes],
        second: Callable[[int], str],
        tick_key: str,
        encode: Callable[[Any], bytes],
        /,
    ) -> bytes:
        """Write :class:`firstlight.model.EventColumns` as JSON Lines.

        Args:
            columns: all eight.
            heads: what stands between time and session, by place and name.
            sender: what stands between head and data (a tick is written before it) and between data and thread, the
                millisecond in which its process began, and what stands after the uptime.
            second: writes a second since the epoch.
            tick_key: the attribute that is a tick.
            encode: writes what is no plain scalar.

        Raises:
            ValueError: a text has no UTF-8, a time no date, or the columns differ in length.
            TypeError: something has no JSON form, or a time is no integer.
            OverflowError: a time has more than 64 bits, or a thread.
        """

    def written(
        self, body: bytes, ids: dict[bytes, int], /
    ) -> tuple[bytes, bytes, bytes, list[int], list[tuple[int, int]], list[tuple[int, int]]]:
        """Read the samples of known series in a remote write request.

        Args:
            body: the request, inflated.
            ids: of each known series, by the bytes of its labels.

        Returns:
            Ids, times in nanoseconds and values of the samples as raw columns; the series that they are of; where the
            series lie that are not known or hold anything but samples; where metadata lies.

        Raises:
            ValueError: a field of the request is broken.
        """


compiled: Compiled | None
try:
    from firstlight.native import _compiled
except ImportError:
    compiled = None
else:
    compiled = _compiled
