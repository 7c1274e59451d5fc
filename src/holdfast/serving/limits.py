"""Limits on what a client may send, applied before anything is parsed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from holdfast.errors import RequestError

Receive = Callable[[], Awaitable[Any]]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds on one request and on what waits.

    Attributes:
        body: bytes of one body, also when it arrives in chunks.
        rows: rows of one request.
        keys: keys of one row.
        depth: nesting of a JSON document.
        text: characters of an id, a source or a label.
        pending_rows: rows that may wait for scoring or for the log; more are told to come back.
        pending_bytes: bytes of bodies that may be in memory at once.
        body_seconds: time a client has to deliver a body.
        ahead_seconds: how far ahead of the server's clock an event time may lie.
        expanded_bytes: bytes an Arrow body may grow to when it is decompressed.
    """

    body: int = 8 * 1024 * 1024
    rows: int = 10_000
    keys: int = 2_000
    depth: int = 32
    text: int = 200
    pending_rows: int = 20_000
    pending_bytes: int = 128 * 1024 * 1024
    body_seconds: float = 30.0
    ahead_seconds: float = 86_400.0
    expanded_bytes: int = 64 * 1024 * 1024


class TooBusyError(RequestError):
    """The queues are full: come back after `retry_after` seconds (HTTP 429)."""

    default_code = "HF-E-REQUEST-BUSY"

    def __init__(self, waiting: str, *, retry_after: int = 1) -> None:
        super().__init__(
            "the server has as much work waiting as it accepts",
            status=429,
            got=waiting,
            remedy=f"send the request again after {retry_after} s; nothing of it was kept",
        )
        self.retry_after = retry_after


class BodyBudget:
    """Counts the bytes of bodies in memory, so that many large bodies cannot exhaust it."""

    __slots__ = ("limits", "used")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.used = 0

    def take(self, size: int) -> None:
        """Reserve `size` bytes.

        Raises:
            TooBusyError: when the budget is used up.
        """
        if self.used + size > self.limits.pending_bytes:
            raise TooBusyError(f"bodies_in_memory={self.used} bytes")
        self.used += size

    def give(self, size: int) -> None:
        """Return `size` bytes."""
        self.used -= size


def too_large(limits: Limits, got: str) -> RequestError:
    """The error for a body above the limit."""
    return RequestError(
        "the body is too large",
        status=413,
        code="HF-E-REQUEST-SIZE",
        expected=f"at most {limits.body} bytes",
        got=got,
        remedy="split the rows over several requests",
    )


def declared_length(headers: dict[bytes, bytes], limits: Limits) -> int:
    """The Content-Length as a checked number, 0 when the body is chunked.

    Raises:
        RequestError: when the length is above the limit or the body is compressed.
    """
    encoding = headers.get(b"content-encoding")
    if encoding is not None and encoding != b"identity":
        raise RequestError(
            "compressed bodies are not read",
            status=415,
            code="HF-E-REQUEST-ENCODING",
            expected="no Content-Encoding",
            got=f"content-encoding={encoding[:40].decode('latin-1')!r}",
            remedy="send the body as it is; Arrow IPC may compress its own buffers",
        )
    raw = headers.get(b"content-length")
    if raw is None:
        return 0
    if not raw.isdigit() or len(raw) > 15:
        raise RequestError(
            "the Content-Length is not a number", expected="a whole number of bytes", status=400
        )
    length = int(raw)
    if length > limits.body:
        raise too_large(limits, f"content-length={length}")
    return length


async def read_body(receive: Receive, limits: Limits) -> bytes:
    """Read a request body, counting as it streams.

    Raises:
        RequestError: when the body grows above the limit (413) or takes too long (408).
        ConnectionResetError: when the client went away.
    """
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ConnectionResetError
    if not message.get("more_body", False):
        body: bytes = message.get("body", b"")
        if len(body) > limits.body:
            raise too_large(limits, f"{len(body)} bytes")
        return body
    chunks = [message.get("body", b"")]
    size = len(chunks[0])
    try:
        async with asyncio.timeout(limits.body_seconds):
            while message.get("more_body", False):
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ConnectionResetError
                chunk = message.get("body", b"")
                size += len(chunk)
                if size > limits.body:
                    raise too_large(limits, f"more than {limits.body} bytes so far")
                chunks.append(chunk)
    except TimeoutError:
        raise RequestError(
            "the body did not arrive in time",
            status=408,
            code="HF-E-REQUEST-SLOW",
            expected=f"the whole body within {limits.body_seconds:g} s",
            got=f"{size} bytes so far",
            remedy="send smaller bodies, or from nearer by",
        ) from None
    return b"".join(chunks)
