"""One worker process: an inherited socket, one event loop, one service."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable

import uvicorn

from holdfast.serving.protocol import BoundedProtocol, sweep
from holdfast.serving.service import Service

GRACE = 20.0


def follow_parent(descriptor: int, grace: float = GRACE) -> None:
    """End this process in an orderly way when the other end of a pipe closes.

    The supervisor holds the writing end and never writes. If it dies, however it dies, the pipe
    closes, this process gets a SIGTERM of its own, and is gone after `grace` seconds at the latest.
    """

    def wait() -> None:
        with contextlib.suppress(OSError):
            os.read(descriptor, 1)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(grace)
        os._exit(70)

    threading.Thread(target=wait, name="holdfast-parent", daemon=True).start()


def run(
    make: Callable[[], Service], sock: socket.socket, ready: Callable[[], None] = lambda: None
) -> None:
    """Serve on `sock` until SIGTERM or SIGINT, then finish what was accepted.

    Args:
        make: builds the service (inside the process, before the event loop runs).
        sock: a listening socket.
        ready: called once requests are being served.
    """
    service = make()
    config = uvicorn.Config(
        service.app,
        loop=_loop(),
        http=BoundedProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=int(GRACE),
        backlog=1024,
    )
    config.load()
    loop_factory = config.get_loop_factory()
    with (
        contextlib.suppress(KeyboardInterrupt),
        asyncio.Runner(loop_factory=loop_factory) as runner,
    ):
        runner.run(_serve(config, service, sock, ready))


def _loop() -> str:
    try:
        import uvloop  # noqa: F401
    except ImportError:
        return "asyncio"
    return "uvloop"


async def _serve(
    config: uvicorn.Config, service: Service, sock: socket.socket, ready: Callable[[], None]
) -> None:
    await service.start()
    server = _Server(config, ready)
    sweeper = asyncio.create_task(sweep(server.server_state.connections))
    try:
        await server.serve(sockets=[sock])
    finally:
        sweeper.cancel()
        await service.close()


class _Server(uvicorn.Server):
    """uvicorn's server; says when it listens, and leaves the exit code to the caller."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, then say so."""
        await super().startup(sockets=sockets)
        self._ready()

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        """Take SIGTERM and SIGINT as a wish to stop; the process then ends with code 0."""
        kept = {number: signal.signal(number, self.handle_exit) for number in _STOP}
        try:
            yield
        finally:
            for number, handler in kept.items():
                signal.signal(number, handler)


_STOP = (signal.SIGTERM, signal.SIGINT)
