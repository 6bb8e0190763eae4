"""Records into memory for the length of a block."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from firstlight.app.telemetry import get
from firstlight.export.memory import MemoryExporter
from firstlight.model import Event, Level, Resource, Span, parse_level
from firstlight.ports import Clock
from firstlight.sdk.client import Delivery, Telemetry


class Capture:
    """What was recorded inside the block; may be read inside it and after it."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._kept = MemoryExporter()
        self._open = True

    @property
    def events(self) -> list[Event]:
        """All events so far, in the order they were recorded."""
        return self._flushed().events

    @property
    def spans(self) -> list[Span]:
        """All spans that ended so far, in the order they ended."""
        return self._flushed().spans

    def value(self, name: str, field: str = "value", /, **labels: str) -> float | None:
        """Return the present value of the line of metric ``name`` with exactly these labels; None when there is none.

        Counting lines have counted since the process began, so compare with their value before.
        """
        return self._flushed().latest(name, field).get(tuple(sorted(labels.items())))

    def _flushed(self) -> MemoryExporter:
        if self._open:
            self._telemetry.flush()
        return self._kept

    @contextmanager
    def diverting(self) -> Iterator[None]:
        """Receive what is recorded inside the block."""
        sender = Resource("captured", "captured")
        with self._telemetry.diverted(Delivery(lambda _: self._kept, lambda: sender)):
            yield
        self._open = False


@contextmanager
def capture(
    *, level: Level | str | None = None, clock: Clock | None = None, telemetry: Telemetry | None = None
) -> Iterator[Capture]:
    """Yield a :class:`Capture` that receives what the ``with`` block records, instead of the configured exporter.

    Args:
        level: least level that is recorded inside.
        clock: where times come from inside, such as a :class:`~firstlight.testing.FakeClock`.
        telemetry: the recorder; this process's own when None.
    """
    one = telemetry or get()
    captured = Capture(one)
    with captured.diverting(), ExitStack() as undo:
        if level is not None:
            undo.callback(one.set_level, Level(one.threshold("")))
            one.set_level(parse_level(level) if isinstance(level, str) else level)
        if clock is not None:
            undo.callback(one.front.clock, one.front.now)
            one.front.clock(clock)
        yield captured
