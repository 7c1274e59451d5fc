"""The child process of `runner.run`: limits itself, then imports and calls the job.

Run as ``python -m holdfast.retraining.runner_child WORKFOLDER``. It guards against accidents of
the user's code, not against malice: the code runs with the rights of who started it.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from holdfast.retraining.job import (
    CHECKPOINTS,
    HEARTBEAT,
    PROGRESS,
    PROGRESS_BYTES,
    REPORT,
    RESULT,
    SPEC,
    Failure,
    Limits,
    Report,
    Spec,
    Step,
    Task,
    peak_memory,
    put,
)

#: seconds between heartbeats
BEAT = 0.5


def main(arguments: list[str]) -> int:
    """Runs the job that the work folder describes; 0 finished, 1 failed."""
    work = Path(arguments[0])
    spec = msgspec.json.decode((work / SPEC).read_bytes(), type=Spec)
    threading.Thread(target=_beat, args=(work / HEARTBEAT, spec.parent), daemon=True).start()
    limit(spec.limits)
    try:
        os.chdir(spec.job.folder or work)
        # begun where this package lies; what lies there or beside the job must hide no library
        sys.path[:] = [*sys.path[1:], sys.path[0], str(Path.cwd())]
        task = Task(
            arguments=spec.job.arguments,
            checkpoints=work / CHECKPOINTS,
            progress=_teller(work / PROGRESS),
        )
        result = find(spec.job.function)(task)
        if not isinstance(result, dict):
            raise TypeError(f"the job gave {type(result).__name__}, not a dict of plain data")
        put(work / RESULT, result)
    except BaseException as error:  # noqa: BLE001 - whatever the user's code raises is the answer
        short = out_of_memory(error)
        failure = Failure(type=type(error).__name__, message=str(error)[:2000])
        put(work / REPORT, Report(error=failure, memory=short, peak=peak_memory()))
        sys.excepthook(type(error), error, error.__traceback__)
        return 1
    put(work / REPORT, Report(peak=peak_memory()))
    return 0


def limit(limits: Limits) -> None:
    """Sets the limits of this process, before any foreign code is imported."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if limits.memory is not None:
        resource.setrlimit(resource.RLIMIT_AS, (limits.memory, limits.memory))
    if limits.cpu_seconds is not None:
        resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds + 1))


def find(function: str) -> Callable[[Task], Any]:
    """The function named ``package.module:name`` or ``/path/file.py:name``.

    >>> find("math:floor")(2.5)
    2
    """
    place, _, name = function.rpartition(":")
    module = importlib.import_module(place) if not place.endswith(".py") else _file(place)
    found: Callable[[Task], Any] = getattr(module, name)
    return found


def _file(place: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("holdfast_job", place)
    if spec is None or spec.loader is None:
        raise ImportError(f"{place} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def out_of_memory(error: BaseException | None) -> bool:
    """Whether want of memory is behind an error, directly or as its cause."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, MemoryError):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def _teller(path: Path) -> Callable[[str, float | None], None]:
    def tell(step: str, share: float | None = None) -> None:
        fresh = path.exists() and path.stat().st_size > PROGRESS_BYTES
        line = msgspec.json.encode(Step(step=str(step)[:500], share=share)) + b"\n"
        with path.open("wb" if fresh else "ab") as file:
            file.write(line)

    return tell


def _beat(path: Path, parent: int) -> None:
    """Shows that the process lives, and ends it with all its children once nobody waits for it."""
    while os.getppid() == parent:
        path.touch()
        time.sleep(BEAT)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
