"""The parent process: holds the socket, starts workers and the monitor, and keeps them alive.

Standard library only, so that it is up at once and has little that can break. Children are plain
programs started with `subprocess`; they inherit the listening socket by its number, and the
reading end of a pipe that tells them when this process is gone. While a worker restarts, the
kernel keeps new connections waiting; nobody is refused.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from holdfast.errors import ConfigError

#: seconds between restarts of a child that keeps failing
BACKOFF = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
#: a child that lived this long starts again at the shortest backoff
SOUND = 30.0
#: failed starts of a worker after which a service that never was ready gives up
PATIENCE = 4
#: exit code of a child that cannot ever work with these settings
HOPELESS = 2


@dataclass
class Child:
    """One program to keep running.

    Attributes:
        name: for messages.
        command: program and arguments.
        environment: added to this process's environment.
        essential: whether requests depend on it (a worker does, the monitor does not).
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    essential: bool = True
    process: subprocess.Popen[bytes] | None = None
    status: int = -1
    ready: bool = False
    started: float = 0.0
    failures: int = 0
    next_start: float = 0.0


def listen(host: str, port: int, *, patience: float = 3.0) -> socket.socket:
    """Open the listening socket; waits a moment for a predecessor that is just going.

    Raises:
        ConfigError: when the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    until = time.monotonic() + patience
    while True:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((host, port))
            sock.listen(1024)
        except (OSError, OverflowError) as error:
            sock.close()
            busy = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
            if busy and time.monotonic() < until:
                time.sleep(0.02)
                continue
            raise ConfigError(
                "the server cannot listen there",
                expected="a free address of this machine",
                got=f"{host}:{port} ({error})",
                remedy="choose another --port (0 picks a free one) or stop what listens there",
            ) from None
        sock.set_inheritable(True)
        return sock


def url_of(sock: socket.socket) -> str:
    """The URL of a listening socket."""
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Supervisor:
    """Runs children until SIGTERM or SIGINT.

    Args:
        children: what to run; `HOLDFAST_FDS` in their environment holds three numbers: the
            socket, the pipe that closes when this process ends, and a pipe to say "ready" on.
        sock: the listening socket, inherited by all.
        on_ready: called once, with the URL, when every essential child is ready.
        grace: seconds children get to finish after SIGTERM.
        say: prints a line for the operator.
    """

    def __init__(
        self,
        children: Sequence[Child],
        sock: socket.socket,
        *,
        on_ready: Callable[[str], None],
        grace: float = 25.0,
        say: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True),  # noqa: T201
    ) -> None:
        self.children = list(children)
        self._sock = sock
        self._on_ready = on_ready
        self._grace = grace
        self._say = say
        self._stopping = False
        self._announced = False
        self._life, self._life_write = os.pipe()
        os.set_inheritable(self._life, True)

    def run(self) -> int:
        """Run until told to stop; returns the exit code."""
        wake, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        os.set_blocking(wake, False)
        kept = {
            number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT)
        }
        kept[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        old_wake = signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        try:
            return self._loop(wake)
        finally:
            signal.set_wakeup_fd(old_wake)
            for number, handler in kept.items():
                signal.signal(number, handler)
            self._end_all()
            for descriptor in (wake, wake_write, self._life, self._life_write):
                os.close(descriptor)
            self._sock.close()

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _loop(self, wake: int) -> int:
        while not self._stopping:
            now = time.monotonic()
            for child in self.children:
                if child.process is None and now >= child.next_start and self._may_start(child):
                    self._start(child)
            due = [
                child.next_start
                for child in self.children
                if child.process is None and self._may_start(child)
            ]
            timeout = max(0.0, min(due) - now) if due else 60.0
            pipes = {child.status: child for child in self.children if child.status >= 0}
            readable, _, _ = select.select([wake, *pipes], [], [], timeout)
            for descriptor in readable:
                if descriptor == wake:
                    with contextlib.suppress(BlockingIOError):
                        os.read(wake, 4096)
                else:
                    self._heard(pipes[descriptor])
            for child in self.children:
                if child.process is not None and (code := child.process.poll()) is not None:
                    if code == HOPELESS and not child.ready and child.essential:
                        return HOPELESS
                    self._ended(child, code)
                    if not self._announced and child.essential and child.failures > PATIENCE:
                        self._say(f"holdfast: {child.name} does not start; giving up")
                        return 1
        return 0

    def _may_start(self, child: Child) -> bool:
        """Whatever is not essential waits until requests are served, and does not slow that."""
        return child.essential or all(c.ready for c in self.children if c.essential)

    def _start(self, child: Child) -> None:
        status, status_write = os.pipe()
        os.set_inheritable(status_write, True)
        fds = (self._sock.fileno(), self._life, status_write)
        environment = {
            **os.environ,
            **child.environment,
            "HOLDFAST_FDS": ",".join(map(str, fds)),
        }
        try:
            child.process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
                child.command, pass_fds=fds, env=environment, stdin=subprocess.DEVNULL
            )
        except OSError as error:
            os.close(status)
            self._say(f"holdfast: {child.name} cannot be started: {error}")
            self._later(child)
            return
        finally:
            os.close(status_write)
        child.status = status
        child.ready = False
        child.started = time.monotonic()

    def _heard(self, child: Child) -> None:
        if os.read(child.status, 64):
            child.ready = True
        else:
            os.close(child.status)
            child.status = -1
        if not self._announced and all(c.ready for c in self.children if c.essential):
            self._announced = True
            self._on_ready(url_of(self._sock))

    def _ended(self, child: Child, code: int) -> None:
        how = f"signal {-code}" if code < 0 else f"code {code}"
        if time.monotonic() - child.started > SOUND:
            child.failures = 0
        self._later(child)
        wait = max(0.0, child.next_start - time.monotonic())
        self._say(f"holdfast: {child.name} ended ({how}); it starts again in {wait:.2f} s")

    def _later(self, child: Child) -> None:
        child.process = None
        child.ready = False
        if child.status >= 0:
            os.close(child.status)
            child.status = -1
        child.next_start = time.monotonic() + BACKOFF[min(child.failures, len(BACKOFF) - 1)]
        child.failures += 1

    def _end_all(self) -> None:
        running = [child.process for child in self.children if child.process is not None]
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        until = time.monotonic() + self._grace
        for process in running:
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
