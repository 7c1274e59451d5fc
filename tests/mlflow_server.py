"""A real MLflow server on a free local port, with a SQLite store of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[1] / ".mlflow" / "bin" / "mlflow"
#: nothing is told to anybody, and no job runner is started
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}
SECONDS = 120


def free_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """An MLflow server with its files in a folder; gives its URL. Skips where there is none."""
    if not PROGRAM.exists():
        pytest.skip("no MLflow: make .mlflow/bin/mlflow")
    url = f"http://127.0.0.1:{(port := free_port())}"
    told = folder / "server.log"
    with told.open("wb") as log:
        process = subprocess.Popen(
            [PROGRAM, "server", "--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}",
             "--artifacts-destination", str(folder / "artifacts"),
             "--host", "127.0.0.1", "--port", str(port), "--workers", "1"],
            cwd=folder,
            env={**os.environ, **QUIET},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # the server starts processes of its own
        )  # fmt: skip
    try:
        _wait(url, process, told)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait(url: str, process: subprocess.Popen[bytes], told: Path) -> None:
    until = time.monotonic() + SECONDS
    while process.poll() is None and time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"MLflow did not start:\n{told.read_text()[-2000:]}")
