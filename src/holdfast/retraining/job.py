"""What runner and child tell each other: JSON files in the work folder of a run, no pickle."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

SPEC = "spec.json"
REPORT = "report.json"
RESULT = "result.json"
OUTCOME = "outcome.json"
PROGRESS = "progress.jsonl"
HEARTBEAT = "heartbeat"
LOG = "output.log"
CHECKPOINTS = "checkpoints"

#: bytes of progress lines that are kept before the file starts anew
PROGRESS_BYTES = 262_144


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be run.

    Attributes:
        function: ``package.module:name`` or ``/path/file.py:name``; called with a `Task`, returns
            plain data (a dict).
        arguments: plain data for it.
        folder: working directory of the job; None: its work folder.
    """

    function: str
    arguments: dict[str, Any] = {}
    folder: str | None = None


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much a run may take. CPU time and memory hold for each of its processes.

    Attributes:
        seconds: of wall-clock time, for all of it.
        cpu_seconds: of processor time; None: no limit.
        memory: address space in bytes; None: no limit.
        log_bytes: of its output that are kept, the latest; at most twice as many lie on disk.
    """

    seconds: float = 1800.0
    cpu_seconds: int | None = None
    memory: int | None = None
    log_bytes: int = 1_000_000


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """The file the child reads first."""

    job: Job
    limits: Limits
    parent: int


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One line of progress: the step in words, and its share in [0, 1] or None."""

    step: str
    share: float | None = None


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong: type of the error and its message."""

    type: str
    message: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The last thing a child writes.

    Attributes:
        error: what went wrong, or None.
        memory: whether it was for want of memory.
        peak: largest resident memory in bytes, or None.
    """

    error: Failure | None = None
    memory: bool = False
    peak: int | None = None


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What a job is called with.

    Attributes:
        arguments: plain data, as the `Job` has them.
        checkpoints: a folder that a later run with the same key finds as it was left.
        progress: told each step and its share in [0, 1], or None.
    """

    arguments: dict[str, Any]
    checkpoints: Path
    progress: Callable[[str, float | None], None]


def put(path: Path, record: Any) -> None:
    """Writes a record as JSON: wholly there or not at all, also after a power loss."""
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        file.write(msgspec.json.encode(record))
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def peak_memory(process: int | str = "self") -> int | None:
    """Largest resident memory of a process so far, bytes; None where the system does not say."""
    try:
        lines = Path(f"/proc/{process}/status").read_text("ascii", "replace").splitlines()
    except OSError:
        return None
    found = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")]
    return found[0] if found else None
