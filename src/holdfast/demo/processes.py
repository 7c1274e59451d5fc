"""Server processes of the demo: started, waited for, and always ended."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from holdfast.errors import HoldfastError, UsageError

#: settings of the demo's server. The replay is faster than life, so the monitor looks more often.
#: A NULL needs no switch: the guard answers it row by row. A value that looks right does.
SETTINGS = """\
[serve]
monitor_every = 0.05

[actions]
pipeline = ["alert", "fallback"]
missing = ["alert"]
"""
START_SECONDS = 60.0
STOP_SECONDS = 10.0


@contextlib.contextmanager
def running(words: list[str], folder: Path, name: str) -> Iterator[str]:
    """A server process for the time of the block; gives its URL.

    Args:
        words: what ``python -m`` shall run; ``{ready}`` becomes the file for the URL.
        folder: where it runs, logs and writes its URL.
        name: of the log and the ready file.

    Raises:
        HoldfastError: it ended, or did not get ready in time; with the end of its log.
    """
    ready, log = folder / f"{name}.url", folder / f"{name}.log"
    ready.unlink(missing_ok=True)
    command = [sys.executable, "-m", *(str(ready) if word == "{ready}" else word for word in words)]
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
            command,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": _python_path()},
        )
    try:
        yield _wait(process, ready, log, name)
    finally:
        _end(process)


def _python_path() -> str:
    """The same modules as here, whatever the working directory and however we were found."""
    given = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    places = [*map(Path, given), Path(__file__).parents[2]]
    return os.pathsep.join(dict.fromkeys(str(place.resolve()) for place in places))


def _wait(process: subprocess.Popen[bytes], ready: Path, log: Path, name: str) -> str:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if ready.exists():
            return ready.read_text("utf-8").strip()
        if process.poll() is not None:
            break
        time.sleep(0.02)
    lines = log.read_text("utf-8", "replace").strip().splitlines()
    raise HoldfastError(
        f"the {name} server did not start",
        code="HF-E-DEMO-START",
        got=lines[-1][:300] if lines else f"exit code {process.poll()}",
        remedy="check that local ports may be opened",
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def refuse_too_few(requests: int, most: int) -> None:
    """Refuses a number of requests that cannot tell the story."""
    if not 40 <= requests <= most:
        raise UsageError(
            "this number of requests cannot tell the story",
            expected=f"40 to {most:,}",
            got=f"requests={requests}",
        )
