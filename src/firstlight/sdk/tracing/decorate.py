"""A span around each call of a function, whatever sort of function it is."""

from collections.abc import AsyncGenerator, Callable, Generator
from functools import partial, wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import Any, ParamSpec, TypeVar, cast

from firstlight.sdk.tracing.context import CURRENT
from firstlight.sdk.tracing.spans import Span

P = ParamSpec("P")
R = TypeVar("R")

Again = Callable[[], Span]


def decorated(function: Callable[P, R], again: Again) -> Callable[P, R]:
    """Return ``function`` with a new span of ``again`` around each call."""
    if isgeneratorfunction(function):
        return cast("Callable[P, R]", _generator(function, again))
    if isasyncgenfunction(function):
        return cast("Callable[P, R]", _async_generator(function, again))
    if iscoroutinefunction(function):
        return cast("Callable[P, R]", _coroutine(function, again))

    @wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        with again():
            return function(*args, **kwargs)

    return called


def _coroutine(function: Callable[..., Any], again: Again) -> Callable[..., Any]:
    @wraps(function)
    async def awaited(*args: Any, **kwargs: Any) -> Any:
        with again():
            return await function(*args, **kwargs)

    return awaited


class _Turns:
    """Between two steps of a generator its reader runs, outside the span: gives each what is current for it."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self._reader = CURRENT.get()

    def to_reader(self) -> None:
        CURRENT.set(self._reader)

    def to_body(self) -> None:
        self._reader = CURRENT.get()
        CURRENT.set(self._span)


def _generator(function: Callable[..., Any], again: Again) -> Callable[..., Any]:
    @wraps(function)
    def stepped(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        inner = function(*args, **kwargs)
        span = again()
        turns = _Turns(span)
        try:
            with span:
                result = yield from _steps(inner, turns)
        finally:
            turns.to_reader()
        return result

    return stepped


def _steps(inner: Generator[Any, Any, Any], turns: _Turns) -> Generator[Any, Any, Any]:
    resume: Callable[[], Any] = partial(next, inner)
    while True:
        try:
            value = resume()
        except StopIteration as end:
            return end.value
        turns.to_reader()
        try:
            resume = partial(inner.send, (yield value))
        except GeneratorExit:
            turns.to_body()
            inner.close()
            raise
        except BaseException as error:  # noqa: BLE001 - whatever the reader throws in is the body's to handle
            resume = partial(inner.throw, error)
        turns.to_body()


def _async_generator(function: Callable[..., Any], again: Again) -> Callable[..., Any]:
    @wraps(function)
    async def stepped(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        inner = function(*args, **kwargs)
        span = again()
        turns = _Turns(span)
        resume: Callable[[], Any] = partial(anext, inner)
        try:
            with span:
                while True:
                    try:
                        value = await resume()
                    except StopAsyncIteration:
                        return
                    turns.to_reader()
                    try:
                        resume = partial(inner.asend, (yield value))
                    except GeneratorExit:
                        turns.to_body()
                        await inner.aclose()
                        raise
                    except BaseException as error:  # noqa: BLE001 - as above
                        resume = partial(inner.athrow, error)
                    turns.to_body()
        finally:
            turns.to_reader()

    return stepped
