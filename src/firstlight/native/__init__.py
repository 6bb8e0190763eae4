"""The compiled loops of the recorder's background path, where Firstlight was installed with a C compiler at hand.

Each has a twin in Python beside its caller, which does the same where there is none.
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
        heads: Mapping[Any, Any],
        moment: Callable[[int, int], tuple[Any, Any]],
        session: bytes,
        tick_key: str,
        encode: Callable[[Any], bytes],
        /,
    ) -> bytes:
        """Write :class:`firstlight.model.EventColumns` as JSON Lines.

        Args:
            columns: all eight.
            heads: what stands between time and data, by place and name; each ends with ``session``.
            moment: gives the timestamp, and what stands after the data, at a time and on a thread.
            session: a tick is written before it.
            tick_key: the attribute that is one.
            encode: writes what is no plain scalar.

        Raises:
            ValueError: a text has no UTF-8, or the columns differ in length.
            TypeError: a time is no integer.
        """


compiled: Compiled | None
try:
    from firstlight.native import _compiled
except ImportError:
    compiled = None
else:
    compiled = _compiled
