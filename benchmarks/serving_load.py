"""Closed-loop HTTP load over raw sockets, and the CPU that a process tree used meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import NamedTuple

TICKS = 1e9


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in task.read_text().split():
                found += tree(int(child))
    return found


def cpu_seconds(pid: int) -> float:
    """CPU seconds of every live thread of a process tree, to the nanosecond."""
    total = 0
    for process in tree(pid):
        for stat in Path(f"/proc/{process}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):
                total += int(stat.read_text().split()[0])
    return total / TICKS


class Burst(NamedTuple):
    """What one burst of load did: answers, those that were not 200, seconds."""

    answers: int
    wrong: int
    seconds: float


class _Connection(asyncio.Protocol):
    def __init__(self, request: bytes, until: float) -> None:
        self.request = request
        self.until = until
        self.answers = self.wrong = 0
        self.buffer = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        buffer = self.buffer + data if self.buffer else data
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            self.buffer = buffer
            return
        at = buffer.find(b"content-length: ")
        size = int(buffer[at + 16 : buffer.find(b"\r\n", at)])
        if len(buffer) < end + 4 + size:
            self.buffer = buffer
            return
        self.buffer = b""
        self.answers += 1
        self.wrong += not buffer.startswith(b"HTTP/1.1 200")
        if time.perf_counter() < self.until:
            self.transport.write(self.request)
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def burst(port: int, request: bytes, connections: int, seconds: float) -> Burst:
    """Send `request` over and over on each connection, the next when the answer is there."""
    loop = asyncio.get_running_loop()
    begun = time.perf_counter()
    made = [
        (
            await loop.create_connection(
                lambda: _Connection(request, begun + seconds), "127.0.0.1", port
            )
        )[1]
        for _ in range(connections)
    ]
    await asyncio.gather(*(connection.done for connection in made))
    return Burst(
        sum(c.answers for c in made), sum(c.wrong for c in made), time.perf_counter() - begun
    )


def post(path: str, body: bytes, content_type: str = "application/json") -> bytes:
    """A whole HTTP request."""
    return (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: {content_type}\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    ).encode() + body
