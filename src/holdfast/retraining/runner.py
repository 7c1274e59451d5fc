"""Runs a job in a process of its own, with limits, so that nothing it does reaches the caller.

A run has a key. Its work folder is named by it and stays: a run that was cut short goes on with
its checkpoints when the key is run again, and one that finished gives its outcome without running.
Needs Linux (limits, process groups, ``/proc``).
"""

from __future__ import annotations

import contextlib
import enum
import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import msgspec

from holdfast.errors import UsageError
from holdfast.retraining.job import (
    CHECKPOINTS,
    HEARTBEAT,
    LOG,
    OUTCOME,
    PROGRESS,
    REPORT,
    RESULT,
    SPEC,
    Failure,
    Job,
    Limits,
    Report,
    Spec,
    Step,
    peak_memory,
    put,
)

_HOME = Path(__file__).parents[2]
#: seconds between two looks at the child
LOOK = 0.05
#: characters of the output that an outcome carries
TAIL = 4000
#: output of native code that died for want of memory
_NO_MEMORY = ("bad_alloc", "MemoryError", "Cannot allocate memory")


class RunStatus(enum.StrEnum):
    """How a run ended."""

    FINISHED = "finished"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"
    KILLED = "killed"


class RunOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended and what is left of it.

    Attributes:
        status: how it ended; ``killed`` by a signal from elsewhere.
        exit_code: of the process; negative: number of the signal that ended it.
        seconds: of wall-clock time.
        peak_memory: largest resident memory seen, bytes; None where it could not be seen.
        log_tail: the last of its output.
        result: path of the JSON file with its result; None unless it finished.
        error: type and message of what went wrong; None when it finished.
    """

    status: RunStatus
    exit_code: int
    seconds: float
    peak_memory: int | None = None
    log_tail: str = ""
    result: str | None = None
    error: Failure | None = None


class Sign(msgspec.Struct, frozen=True, kw_only=True):
    """What is seen of a run at work.

    Attributes:
        seconds: since it began.
        step: its last line of progress, or None.
        silent: seconds since its last heartbeat; None before the first.
    """

    seconds: float
    step: Step | None
    silent: float | None


def work_folder(root: Path, key: str) -> Path:
    """The work folder of a key."""
    return root / hashlib.sha256(key.encode()).hexdigest()[:32]


def run(
    job: Job,
    root: Path,
    key: str,
    limits: Limits,
    watch: Callable[[Sign], None] = lambda _: None,
) -> RunOutcome:
    """Runs a job in a child process and waits for it.

    Args:
        job: what to run.
        root: folder of all work folders; made when it is not there.
        key: names the run; a run of this key that finished is not run again.
        limits: how much it may take.
        watch: told every twentieth of a second how it stands. When it raises, the run is killed
            and the error passed on.

    Raises:
        UsageError: a run of this key is at work.
    """
    work = work_folder(root.resolve(), key)
    (work / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
    with _alone(work):
        if (work / OUTCOME).exists():
            known = msgspec.json.decode((work / OUTCOME).read_bytes(), type=RunOutcome)
            if known.status is RunStatus.FINISHED:
                return known
        for name in (OUTCOME, REPORT, RESULT, PROGRESS, HEARTBEAT):
            (work / name).unlink(missing_ok=True)
        put(work / SPEC, Spec(job=job, limits=limits, parent=os.getpid()))
        outcome = _waited(work, limits, watch)
        put(work / OUTCOME, outcome)
    return outcome


@contextlib.contextmanager
def _alone(work: Path) -> Iterator[None]:
    with (work / "lock").open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                "this run is at work already",
                expected="one run of a key at a time",
                got=f"folder={work.name}",
                remedy="wait for it to end",
            ) from None
        yield


def _waited(work: Path, limits: Limits, watch: Callable[[Sign], None]) -> RunOutcome:
    begin = time.monotonic()
    child = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "holdfast.retraining.runner_child", str(work)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=_HOME,  # so that the child is of this very package, however it was found
        start_new_session=True,
    )
    assert child.stdout is not None  # noqa: S101 - it was asked for
    pump = threading.Thread(
        target=_keep, args=(child.stdout, work / LOG, limits.log_bytes), daemon=True
    )
    pump.start()
    peak, late = 0, False
    try:
        while not _ended(child.pid):
            seconds = time.monotonic() - begin
            if seconds > limits.seconds:
                late = True
                break
            peak = max(peak, peak_memory(child.pid) or 0)
            watch(Sign(seconds=seconds, step=last_step(work), silent=_silent(work)))
            time.sleep(LOOK)
    finally:
        with contextlib.suppress(ProcessLookupError):  # also what the job left running
            os.killpg(child.pid, signal.SIGKILL)
        code = child.wait()
        pump.join(2.0)
    report = None
    if (work / REPORT).exists():
        report = msgspec.json.decode((work / REPORT).read_bytes(), type=Report)
        peak = max(peak, report.peak or 0)
    tail = _tail(work / LOG)
    status, error = judged(code, report, tail, late=late, limits=limits)
    return RunOutcome(
        status=status,
        exit_code=code,
        seconds=time.monotonic() - begin,
        peak_memory=peak or None,
        log_tail=tail,
        result=str(work / RESULT) if status is RunStatus.FINISHED else None,
        error=error,
    )


def judged(
    code: int, report: Report | None, tail: str, *, late: bool, limits: Limits
) -> tuple[RunStatus, Failure | None]:
    """How a run ended, from all that is known of it.

    Args:
        code: exit code of the process, negative for a signal.
        report: what the child said last, if it got so far.
        tail: the last of its output.
        late: whether it was killed for its time.
        limits: the limits it had.

    Example:
        >>> judged(-9, None, "", late=False, limits=Limits())[0].value
        'killed'
    """
    if report is not None and report.error is not None:
        return (RunStatus.OUT_OF_MEMORY if report.memory else RunStatus.FAILED), report.error
    if report is not None and code == 0:
        return RunStatus.FINISHED, None
    if late:
        told = f"it was not done after {limits.seconds:g} seconds"
        return RunStatus.TIMED_OUT, Failure(type="TimeLimit", message=told)
    if code == -signal.SIGXCPU:
        told = f"it used more than {limits.cpu_seconds} seconds of processor time"
        return RunStatus.TIMED_OUT, Failure(type="CpuTimeLimit", message=told)
    if code != 0 and limits.memory is not None and any(word in tail for word in _NO_MEMORY):
        told = f"it needed more than {limits.memory} bytes"
        return RunStatus.OUT_OF_MEMORY, Failure(type="MemoryLimit", message=told)
    if code < 0:
        name = signal.Signals(-code).name
        return RunStatus.KILLED, Failure(type="Signal", message=f"the process ended by {name}")
    told = f"the process ended with code {code} and left no result"
    return RunStatus.FAILED, Failure(type="NoResult", message=told)


def last_step(work: Path) -> Step | None:
    """The last whole line of progress of a run, or None."""
    try:
        with (work / PROGRESS).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 8192))
            lines = file.read().split(b"\n")[:-1]
        return msgspec.json.decode(lines[-1], type=Step)
    except (OSError, IndexError, msgspec.MsgspecError):
        return None


def _ended(process: int) -> bool:
    """Whether it has ended; it is not reaped, so that its number stays its own."""
    return os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _silent(work: Path) -> float | None:
    try:
        return max(0.0, time.time() - (work / HEARTBEAT).stat().st_mtime)
    except OSError:
        return None


def _keep(source: IO[bytes], path: Path, limit: int) -> None:
    """Keeps the latest output: when the file is full it becomes ``.1`` and a new one begins."""
    older = path.with_name(f"{path.name}.1")
    older.unlink(missing_ok=True)
    file, written = path.open("wb"), 0
    with source:
        while chunk := os.read(source.fileno(), min(65_536, limit)):
            if written + len(chunk) > limit:
                file.close()
                path.replace(older)
                file, written = path.open("wb"), 0
            file.write(chunk)
            file.flush()
            written += len(chunk)
    file.close()


def _tail(path: Path) -> str:
    parts = [p.read_bytes() for p in (path.with_name(f"{path.name}.1"), path) if p.exists()]
    return b"".join(parts)[-TAIL * 4 :].decode("utf-8", "replace")[-TAIL:]
