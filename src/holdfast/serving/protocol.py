"""Connections with manners: bounded headers, and no waiting for ever on a slow client."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: bytes of request line and headers
HEAD_BYTES = 65_536
#: seconds a client has from its first byte (or the connection) to the end of its headers
HEAD_SECONDS = 15.0

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%b"
)
_BODY = (
    b'{"code":"HF-E-REQUEST-HEAD","message":"the request line and headers are too large",'
    b'"expected":"at most 65536 bytes","got":"more","remedy":"send fewer or shorter headers"}'
)
_BAD = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
    b"connection: close\r\n\r\n%b"
)
_BAD_BODY = (
    b'{"code":"HF-E-REQUEST-HTTP","message":"this is not an HTTP request",'
    b'"expected":"HTTP/1.1","got":"bytes that do not parse","remedy":"use an HTTP client"}'
)


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a limit on the bytes of a request's head.

    `sweep` closes connections that sit in a half-sent head; it costs nothing per request.
    """

    head = 0
    since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note when the connection began."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self.since = time.monotonic()

    def data_received(self, data: bytes) -> None:
        """Count bytes until the head is complete, then let uvicorn go on."""
        if self.head >= 0:
            self.head += len(data)
        super().data_received(data)
        if self.head > HEAD_BYTES and not self.transport.is_closing():
            self.transport.write(_TOO_LARGE % (len(_BODY), _BODY))
            self.transport.close()

    def on_headers_complete(self) -> None:
        """The head is complete: stop counting."""
        self.head = -1
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """The next head begins."""
        self.head = 0
        self.since = time.monotonic()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP in the form of every other error."""
        self.transport.write(_BAD % (len(_BAD_BODY), _BAD_BODY))
        self.transport.close()


async def sweep(connections: set[Any], every: float = 5.0) -> None:
    """For ever: close connections whose head is not complete after `HEAD_SECONDS`."""
    while True:
        await asyncio.sleep(every)
        old = time.monotonic() - HEAD_SECONDS
        for connection in list(connections):
            waiting = getattr(connection, "head", -1) > 0 or connection.cycle is None
            if waiting and connection.since < old:
                connection.transport.close()
