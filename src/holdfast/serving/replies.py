"""Sending answers: a few headers, one body, and every error in the same form."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from holdfast.errors import HoldfastError, RequestError, StoreError, StoreFullError
from holdfast.serving.limits import TooBusyError

Send = Callable[[Any], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]

JSON = (b"content-type", b"application/json")
NO_SNIFF = (b"x-content-type-options", b"nosniff")
NO_STORE = (b"cache-control", b"no-store")

_LENGTHS = tuple(str(size).encode() for size in range(4096))


class ErrorOut(msgspec.Struct):
    """An error as answered, the same five parts everywhere."""

    code: str
    message: str
    expected: str | None
    got: str | None
    remedy: str | None


async def reply(send: Send, body: bytes, status: int = 200, headers: Headers = (JSON,)) -> None:
    """Send one complete answer."""
    size = len(body)
    length = _LENGTHS[size] if size < 4096 else str(size).encode()
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [*headers, (b"content-length", length)],
        }
    )
    await send({"type": "http.response.body", "body": body})


def error_parts(error: BaseException) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, headers and body for whatever went wrong.

    A `RequestError` carries its status; a store that cannot write is 503 with Retry-After; all
    else is 500 and says nothing of its inside.
    """
    headers = [JSON, NO_SNIFF]
    if isinstance(error, RequestError):
        status = error.status
        if isinstance(error, TooBusyError):
            headers.append((b"retry-after", str(error.retry_after).encode()))
        known: HoldfastError = error
    elif isinstance(error, StoreError):
        status = 503
        full = isinstance(error, StoreFullError)
        headers.append((b"retry-after", b"10" if full else b"2"))
        known = StoreFullError(
            "the log has no space; nothing of this request was kept"
            if full
            else "the log cannot be written now; nothing of this request was kept",
            code=error.code,
            expected="space to write on the store's file system" if full else "a writable store",
            remedy="free space; the server goes on by itself. Send the request again later"
            if full
            else "see the server's log. Send the request again later",
        )
    else:
        status = 500
        known = HoldfastError(
            "the server failed on this request",
            code="HF-E-INTERNAL",
            remedy="see the server's log",
        )
    return status, headers, msgspec.json.encode(known.to_dict())


async def reply_error(send: Send, error: BaseException, extra: Headers = ()) -> int:
    """Send an error, return its status."""
    status, headers, body = error_parts(error)
    await reply(send, body, status, [*headers, *extra])
    return status
