"""A span of another process, known by what its request said."""


class RemoteSpan:
    """Stands as the parent of a span here.

    Attributes:
        trace_id: 32 lower-case hex digits.
        span_id: 16 lower-case hex digits.
        sampled: whether its own process keeps the trace; ours then decides the same.
        state: what the ``tracestate`` header said, handed on as it came.
    """

    __slots__ = ("sampled", "span_id", "state", "trace_id")

    def __init__(self, trace_id: str, span_id: str, *, sampled: bool = True, state: str = "") -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self.sampled = sampled
        self.state = state

    def ids(self) -> tuple[str, str]:
        """Return trace id and span id."""
        return self.trace_id, self.span_id
