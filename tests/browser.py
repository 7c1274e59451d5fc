"""A real browser: headless Chromium, one page at a time, as it shows it or clicked in."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any, BinaryIO

import pytest
from tests.local_server import Quiet, serving

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--virtual-time-budget=2000",
)  # fmt: skip


def _program() -> str:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no browser: apt-get install chromium")
    return program


def dom(url: str) -> str:
    """The document after loading, scripts (if any) run; skips where there is no browser."""
    program = _program()
    with tempfile.TemporaryDirectory() as profile:
        done = subprocess.run(
            [program, *FLAGS, f"--user-data-dir={profile}", "--dump-dom", url],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
    return done.stdout


@contextmanager
def served(body: bytes, headers: Sequence[tuple[bytes, bytes]]) -> Iterator[tuple[str, list[str]]]:
    """One page on a free local port; gives its URL and the list of paths that were asked for."""
    asked: list[str] = []

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200 if self.path == "/" else 404)
            for name, value in headers:
                self.send_header(name.decode(), value.decode())
            self.end_headers()
            self.wfile.write(body if self.path == "/" else b"")

    with serving(Handler) as url:
        yield f"{url}/", asked


class Tab:
    """A page that can be typed and clicked in, over Chromium's debugging pipe."""

    def __init__(self, into: BinaryIO, out: BinaryIO) -> None:
        self._into, self._out = into, out
        self._number = 0
        self._session: str | None = None
        self._loads = 0

    def open(self, url: str) -> None:
        """Load a page."""
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        self._call("Page.enable")
        self._loading(lambda: self._call("Page.navigate", url=url))

    def type(self, selector: str, text: str) -> None:
        """Type into a field."""
        self.run(f"document.querySelector({json.dumps(selector)}).focus()")
        self._call("Input.insertText", text=text)

    def click(self, selector: str) -> None:
        """Click on what leads to another page, and wait for it."""
        self._loading(lambda: self.run(f"document.querySelector({json.dumps(selector)}).click()"))

    def run(self, script: str) -> Any:
        """The value of an expression, evaluated in the page."""
        done = self._call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def text(self) -> str:
        """What the page shows."""
        return str(self.run("document.body.innerText"))

    def _loading(self, act: Any) -> None:
        before = self._loads
        act()
        while self._loads == before:
            self._read()

    def _call(self, method: str, **given: Any) -> Any:
        self._number += 1
        message = {"id": self._number, "method": method, "params": given}
        if self._session is not None:
            message["sessionId"] = self._session
        self._into.write(json.dumps(message).encode() + b"\0")
        self._into.flush()
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]

    def _read(self) -> Any:
        message = bytearray()
        while (byte := self._out.read(1)) != b"\0":
            assert byte, "the browser is gone"
            message += byte
        answer = json.loads(message)
        self._loads += answer.get("method") == "Page.loadEventFired"
        return answer


#: the browser looks for its pipe at these two numbers
_AS_3_AND_4 = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


@contextmanager
def tab(url: str) -> Iterator[Tab]:
    """A page in a browser of its own; skips where there is no browser."""
    program = _program()
    pipes = [fd for pair in (os.pipe(), os.pipe()) for fd in pair]
    # 3 and 4 are the browser's ends: none of ours may be in the way
    theirs_in, our_in, our_out, theirs_out = (fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in pipes)
    for fd in pipes:
        os.close(fd)
    flags = [flag for flag in FLAGS if "virtual-time" not in flag]
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        os.fdopen(our_in, "wb") as into,
        os.fdopen(our_out, "rb") as out,
    ):
        process = subprocess.Popen(
            [sys.executable, "-c", _AS_3_AND_4, str(theirs_in), str(theirs_out), program, *flags,
             "--remote-debugging-pipe", f"--user-data-dir={profile}"],
            pass_fds=(theirs_in, theirs_out),
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        stop = threading.Timer(60, process.kill)  # a page that never loads ends the browser
        stop.start()
        try:
            found = Tab(into, out)
            found.open(url)
            yield found
        finally:
            stop.cancel()
            process.kill()
            process.wait()
