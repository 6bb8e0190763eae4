"""What a web application is wrapped in, into this process's own recorder."""

from typing import TYPE_CHECKING

from firstlight.app.telemetry import get
from firstlight.sdk.integrations import asgi, wsgi

if TYPE_CHECKING:
    from firstlight.sdk.client import Telemetry


class WsgiMiddleware(wsgi.WsgiMiddleware):
    """Records what a WSGI application answers: ``app = firstlight.WsgiMiddleware(app)``.

    Args:
        app: the application.
        telemetry: the recorder; this process's own when None.
    """

    def __init__(self, app: wsgi.Application, telemetry: "Telemetry | None" = None) -> None:
        super().__init__(app, telemetry or get())


class AsgiMiddleware(asgi.AsgiMiddleware):
    """Records what an ASGI application answers: ``app = firstlight.AsgiMiddleware(app)``.

    Args:
        app: the application.
        telemetry: the recorder; this process's own when None.
    """

    def __init__(self, app: asgi.Application, telemetry: "Telemetry | None" = None) -> None:
        super().__init__(app, telemetry or get())
