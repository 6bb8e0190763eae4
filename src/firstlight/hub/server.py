"""Runs the hub until it is told to stop."""

import asyncio
import contextlib
import errno
import signal
import socket
import sys
from collections.abc import Iterator

import uvicorn

from firstlight.app.hub_client import ANY_ADDRESS
from firstlight.app.memory import give_large_blocks_back
from firstlight.app.platform import Platform
from firstlight.app.presence import Address, Presence
from firstlight.app.settings import Resolved
from firstlight.errors import NotReachable
from firstlight.hub.application import application
from firstlight.version import __version__

_BACKLOG = 512
_GRACE_S = 3
_KEEP_ALIVE_S = 15
# A peer that takes no byte for this long is gone; without it a stalled reader would hold its connection for ever.
_PEER_TIMEOUT_MS = 30_000


def serve(resolved: Resolved) -> int:
    """Run a hub until SIGINT or SIGTERM; return the exit code.

    Raises:
        FirstlightError: it cannot start; see :func:`running`.
    """
    give_large_blocks_back()
    with running(resolved) as server:
        _say(f"Firstlight {__version__} listens on {server.platform.url}")
        _say(f"data in {resolved.settings.data_dir}")
        server.run()
    return 0


class Server:
    """A listening socket and a started platform; :meth:`run` serves until :meth:`stop`."""

    def __init__(self, platform: Platform, listener: socket.socket) -> None:
        self.platform = platform
        self._listener = listener
        limits = platform.settings.limits
        config = uvicorn.Config(
            application(platform),
            access_log=False,
            http="httptools",
            lifespan="off",
            limit_concurrency=limits.max_connections,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_S,
            timeout_keep_alive=_KEEP_ALIVE_S,
            ws="none",
        )
        self._uvicorn = _Uvicorn(config)

    def run(self) -> None:
        """Serve; returns when every open answer is done or its grace is over."""
        asyncio.run(self._serve())

    def stop(self) -> None:
        """Take no more and end; a second call ends what is still open at once."""
        self._uvicorn.force_exit = self._uvicorn.should_exit
        self._uvicorn.should_exit = True
        self.platform.live.close()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(ValueError, RuntimeError):  # only the main thread may
                loop.add_signal_handler(number, self.stop)
        await self._uvicorn.serve([self._listener])


class _Uvicorn(uvicorn.Server):
    """Leaves signals to us: uvicorn would raise them again before the lake is closed."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.contextmanager
def running(resolved: Resolved) -> Iterator[Server]:
    """Give a server that is ready to run and take everything down afterwards.

    The port is taken first and opened last: until the lake is open, senders are refused at once and keep what they
    have, instead of waiting for an answer.

    Raises:
        NotReachable: the port cannot be had.
        StorageError: the data directory cannot be used, or has a hub already.
        StorageFull: the disk is full.
        ConfigError: a setting does not work here.
    """
    settings = resolved.settings
    presence = Presence(settings.data_path)
    with contextlib.closing(bind(settings.hub.host, settings.hub.port)) as listener:
        presence.claim()
        try:
            platform = Platform.open(resolved)
            try:
                platform.url = url_of(settings.hub.host, listener.getsockname()[1])
                server = Server(platform, listener)
                platform.start()
                listen(listener, settings.hub.host)
                presence.announce(Address(platform.url, platform.pid, platform.started_ns, __version__))
                yield server
            finally:
                platform.stop()
        finally:
            presence.withdraw()


def bind(host: str, port: int) -> socket.socket:
    """Return a socket bound to ``host`` and ``port`` (0: any that is free) that nobody can connect to yet.

    Raises:
        NotReachable: it cannot be had; the message says what to do.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise NotReachable(f"{host!r} is no address of this machine ({error}); try --host 127.0.0.1") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _PEER_TIMEOUT_MS)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise _why_not(error, host, port) from error
    return listener


def listen(listener: socket.socket, host: str) -> None:
    """Let senders connect.

    Raises:
        NotReachable: another program has opened the port since it was bound.
    """
    try:
        listener.listen(_BACKLOG)
    except OSError as error:
        raise _why_not(error, host, listener.getsockname()[1]) from error


def url_of(host: str, port: int) -> str:
    """Return the address by which a client on this machine reaches a hub that listens on ``host``."""
    reachable = ANY_ADDRESS.get(host, host)
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def _why_not(error: OSError, host: str, port: int) -> NotReachable:
    if error.errno == errno.EADDRINUSE:
        return NotReachable(
            f"port {port} is in use; is a hub already running? try: firstlight status, or --port {port + 1}"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return NotReachable(f"no permission to listen on port {port}; try one above 1023, such as --port 4318")
    return NotReachable(f"cannot listen on {host}:{port}: {error.strerror}; try --host 127.0.0.1")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
