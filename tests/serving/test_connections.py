"""Connections: heads are bounded in bytes and in time, and what is not HTTP is told so."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.serving.live import Live

from holdfast.serving import protocol


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Any:
    running = Live(tmp_path_factory.mktemp("connections")).start()
    parts = urlsplit(running.url)
    yield parts.hostname, parts.port
    running.stop()


def talk(address: tuple[str, int], *parts: bytes) -> bytes:
    with socket.create_connection(address, timeout=10) as sock:
        for part in parts:
            sock.sendall(part)
        sock.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while chunk := sock.recv(65_536):
                answer += chunk
        except ConnectionResetError:
            pass
        return answer


def body_of(answer: bytes) -> Any:
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def test_a_head_that_never_ends_is_431(address: tuple[str, int]):
    lines = b"".join(b"x-%d: %s\r\n" % (i, b"y" * 1000) for i in range(80))
    answer = talk(address, b"GET /health/live HTTP/1.1\r\nhost: 127.0.0.1\r\n" + lines)
    assert answer.startswith(b"HTTP/1.1 431")
    assert body_of(answer)["code"] == "HF-E-REQUEST-HEAD"


def test_what_is_not_http_is_400_in_the_common_form(address: tuple[str, int]):
    answer = talk(address, b"\x16\x03\x01hello\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400")
    assert body_of(answer)["code"] == "HF-E-REQUEST-HTTP"


def test_requests_sent_together_are_answered_in_order(address: tuple[str, int]):
    def ask(name: str) -> bytes:
        body = b'{"rows": [{"Income": 1, "Job": "x"}], "ids": ["%s"]}' % name.encode()
        return (
            b"POST /v1/models/loan/predict HTTP/1.1\r\nhost: 127.0.0.1\r\n"
            b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
        ) + body

    last = b"GET /health/live HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n"
    with socket.create_connection(address, timeout=10) as sock:
        sock.sendall(ask("a") + ask("b") + ask("c") + last)
        answer = b""
        while chunk := sock.recv(65_536):
            answer += chunk
    assert answer.count(b"HTTP/1.1 200") == 4
    assert answer.index(b'"a"') < answer.index(b'"b"') < answer.index(b'"c"')


def test_a_client_that_sends_its_head_slowly_is_let_go(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.05)

    class Transport:
        closed = False

        def close(self) -> None:
            self.closed = True

    class Connection:
        def __init__(self, head: int, cycle: object) -> None:
            self.head, self.cycle, self.since = head, cycle, 0.0
            self.transport = Transport()

    half, never, idle, busy = (
        Connection(10, None),
        Connection(0, None),
        Connection(0, object()),
        Connection(-1, object()),
    )

    async def main() -> None:
        task = asyncio.create_task(protocol.sweep({half, never, idle, busy}, every=0.01))
        await asyncio.sleep(0.1)
        task.cancel()

    asyncio.run(main())
    assert [c.transport.closed for c in (half, never, idle, busy)] == [True, True, False, False]
