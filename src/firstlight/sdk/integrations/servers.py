"""The middleware put around the application of servers that know nothing of it.

Each function takes the server's module, so nothing is imported here that the program does not use.
"""

from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from firstlight.sdk.client import Telemetry


class Servers:
    """Puts the middleware into servers.

    Args:
        telemetry: the recorder.
    """

    def __init__(self, telemetry: "Telemetry") -> None:
        self._telemetry = telemetry

    def treatments(self) -> dict[str, Callable[[ModuleType], None]]:
        """Return what to do to which module."""
        return {
            "gunicorn.workers.base": self.gunicorn,
            "gunicorn.workers.gasgi": self.gunicorn_asgi,
            "uvicorn.config": self.uvicorn,
            "waitress.server": self.waitress,
            "werkzeug.serving": self.werkzeug,
            "wsgiref.simple_server": self.wsgiref,
        }

    def gunicorn(self, module: ModuleType) -> None:
        """Wrap what a worker has loaded; a worker that is uvicorn leaves that to uvicorn."""

        def after(worker: Any) -> None:
            if not type(worker).__module__.startswith("uvicorn"):
                worker.wsgi = self.wrapped(worker.wsgi)

        _extend(module.Worker, "load_wsgi", after)

    def gunicorn_asgi(self, module: ModuleType) -> None:
        """Wrap what its worker for ASGI has loaded."""

        def after(worker: Any) -> None:
            worker.asgi = self.wrapped(worker.asgi, asgi=True)

        _extend(module.ASGIWorker, "load_wsgi", after)

    def uvicorn(self, module: ModuleType) -> None:
        """Wrap what a configuration has loaded."""

        def after(config: Any) -> None:
            config.loaded_app = self.wrapped(config.loaded_app, asgi=True)

        _extend(module.Config, "load", after)

    def waitress(self, module: ModuleType) -> None:
        """Wrap what a server is made for."""
        create = module.create_server

        @wraps(create)
        def create_server(application: Any, *args: Any, **kwargs: Any) -> Any:
            return create(self.wrapped(application), *args, **kwargs)

        vars(module)["create_server"] = create_server

    def werkzeug(self, module: ModuleType) -> None:
        """Wrap what a server was made for."""

        def after(server: Any) -> None:
            server.app = self.wrapped(server.app)

        _extend(module.BaseWSGIServer, "__init__", after)

    def wsgiref(self, module: ModuleType) -> None:
        """Wrap what a server was given."""

        def after(server: Any) -> None:
            server.application = self.wrapped(server.application)

        _extend(module.WSGIServer, "set_app", after)

    def wrapped(self, app: Any, *, asgi: bool = False) -> Any:
        """Return ``app`` in the middleware of its interface; what cannot be called is left alone."""
        if not callable(app):
            return app
        # Here, because most programs serve nothing.
        if asgi or is_asgi(app):
            from firstlight.sdk.integrations.asgi import AsgiMiddleware

            return AsgiMiddleware(app, self._telemetry)
        from firstlight.sdk.integrations.wsgi import WsgiMiddleware

        return WsgiMiddleware(app, self._telemetry)


def is_asgi(app: Any) -> bool:
    """Return whether ``app`` is an ASGI 3 application: a coroutine function, or an object that is called as one."""
    return iscoroutinefunction(app) or iscoroutinefunction(getattr(type(app), "__call__", None))  # noqa: B004 - it is the function that is looked at


def _extend(kind: Any, name: str, after: Callable[[Any], None]) -> None:
    """Have the method ``name`` of ``kind`` end with ``after``."""
    original = getattr(kind, name)

    @wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(self, *args, **kwargs)
        after(self)
        return result

    setattr(kind, name, method)
