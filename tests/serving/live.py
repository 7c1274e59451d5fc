"""A live service in real processes, for tests."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

SRC = Path(__file__).parents[2]

PROGRAM = """
import sys
from holdfast.app import supervise
from holdfast.app.settings import load_settings
worker = sys.argv[1]
supervise.WORKER = [sys.executable, "-m", worker] if worker else supervise.WORKER
pairs = dict(pair.split("=", 1) for pair in sys.argv[2:])
from holdfast.errors import HoldfastError
try:
    sys.exit(supervise.serve(load_settings(pairs)))
except HoldfastError as error:
    print(f"holdfast: {error}", file=sys.stderr)
    sys.exit(error.exit_code)
"""


class Live:
    """One running service: `url`, and the supervisor's process."""

    def __init__(self, folder: Path, worker: str = "tests.serving.live_worker", **settings: object):
        self.folder = folder
        self.ready_file = folder / "ready"
        self.settings = {
            "store": folder / "holdfast.db",
            "port": 0,
            "monitor": "false",
            "ready_file": self.ready_file,
            **settings,
        }
        self.worker = worker
        self.url = ""

    def start(self, seconds: float = 30.0) -> Live:
        self.ready_file.unlink(missing_ok=True)
        path = os.pathsep.join([str(SRC / "src"), str(SRC)])
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                PROGRAM,
                self.worker,
                *(f"{name}={value}" for name, value in self.settings.items()),
            ],
            env={**os.environ, "PYTHONPATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
        )
        until = time.monotonic() + seconds
        while not self.ready_file.exists():
            if self.process.poll() is not None or time.monotonic() > until:
                self.process.kill()
                raise RuntimeError(self.process.communicate()[1])
            time.sleep(0.005)
        self.url = self.ready_file.read_text().strip()
        self.settings["port"] = self.url.rsplit(":", 1)[1]
        return self

    def children(self) -> list[int]:
        task = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in task.read_text().split()]

    def kill(self) -> None:
        """kill -9 of the supervisor."""
        self.process.kill()
        self.process.communicate()

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(ValueError):
            self.process.communicate(timeout=30)
        return self.process.returncode


@contextlib.contextmanager
def live(folder: Path, **settings: object) -> Iterator[Live]:
    running = Live(folder, **settings).start()  # type: ignore[arg-type]
    try:
        yield running
    finally:
        running.stop()
