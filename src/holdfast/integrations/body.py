"""Bodies of ASGI requests and replies: read within limits, replayed, captured, sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

from holdfast.errors import RequestError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Body:
    """What was read of a request's body.

    Attributes:
        content: the bytes read.
        complete: whether the whole body was read.
        left: whether the client went away meanwhile.
        problem: why it cannot be used, if so.
    """

    __slots__ = ("complete", "content", "left", "problem")

    def __init__(self, content: bytes, *, complete: bool) -> None:
        self.content = content
        self.complete = complete
        self.left = False
        self.problem: RequestError | None = None


async def read_body(scope: MutableMapping[str, Any], receive: Receive, limit: int) -> Body:
    """Reads a body of at most `limit` bytes; a larger one is left unread beyond it."""
    headers = {key.lower(): value for key, value in scope["headers"]}
    body = Body(b"", complete=False)
    kind = headers.get(b"content-type", b"").lower()
    coding = headers.get(b"content-encoding", b"identity").lower()
    if (kind and b"json" not in kind) or coding != b"identity":
        body.problem = RequestError(
            "only plain JSON bodies are guarded", status=415, expected="application/json"
        )
        return body
    length = headers.get(b"content-length", b"")
    if length.isdigit() and (len(length) > 18 or int(length) > limit):
        body.problem = _too_large(limit)
        return body
    chunks, size = [], 0
    while not body.complete:
        message = await receive()
        if message["type"] == "http.disconnect":
            body.left = True
            return body
        chunk = message.get("body", b"")
        chunks.append(chunk)
        size += len(chunk)
        body.complete = not message.get("more_body", False)
        if size > limit:
            body.problem = _too_large(limit)
            break
    body.content = b"".join(chunks)
    return body


def _too_large(limit: int) -> RequestError:
    return RequestError(
        "the body is too large",
        status=413,
        expected=f"at most {limit} bytes",
        remedy="send fewer rows in one request",
    )


class Replay:
    """Hands a body out again, then whatever else the client sends."""

    __slots__ = ("_body", "_receive")

    def __init__(self, body: Body, receive: Receive) -> None:
        self._body: Body | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        """The next message of the request."""
        body, self._body = self._body, None
        if body is None or (not body.content and not body.complete):
            return await self._receive()
        return {"type": "http.request", "body": body.content, "more_body": not body.complete}


class Reply:
    """A whole reply of an application."""

    __slots__ = ("body", "headers", "status")

    def __init__(self) -> None:
        self.status = 502
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""

    async def send_on(self, send: Send) -> None:
        """Sends the reply as it is."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


async def capture(
    app: Callable[..., Awaitable[None]], scope: Any, receive: Receive, limit: int
) -> Reply:
    """The reply of an application as a whole; one larger than `limit` counts as a 502."""
    got = Reply()
    chunks: list[bytes] = []
    size = 0

    async def sending(message: Message) -> None:
        nonlocal size
        if message["type"] == "http.response.start":
            got.status = message["status"]
            got.headers = list(message.get("headers", []))
        elif message["type"] == "http.response.body" and size <= limit:
            chunk = message.get("body", b"")
            size += len(chunk)
            chunks.append(chunk)

    await app(scope, receive, sending)
    if size > limit:
        return Reply()
    got.body = b"".join(chunks)
    return got


async def reply(send: Send, status: int, document: Any, marks: str | None = None) -> None:
    """Sends a JSON reply."""
    text = msgspec.json.encode(document)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(text)).encode()),
    ]
    if marks is not None:
        headers.append((b"holdfast-marks", marks.encode("ascii")))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text})
