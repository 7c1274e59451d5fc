"""The training runner: whatever a job does, the caller goes on and learns what happened."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from holdfast.errors import UsageError
from holdfast.retraining.job import Job, Limits, Report, Step
from holdfast.retraining.runner import RunStatus, judged, last_step, run, work_folder

JOBS = """
import os, subprocess, sys, time
from pathlib import Path

def add(task):
    count = task.checkpoints / "count"
    count.write_text(str(int(count.read_text()) + 1 if count.exists() else 1))
    task.progress("adding", 0.5)
    return {"sum": sum(task.arguments["numbers"])}

def hang(task):
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    (task.checkpoints / "pid").write_text(str(other.pid))
    time.sleep(60)

def spin(task):
    while True:
        pass

def hog(task):
    kept = []
    while True:
        kept.append(bytearray(50_000_000))

def wrapped_hog(task):
    try:
        hog(task)
    except MemoryError as error:
        raise ValueError("training failed") from error

def fail(task):
    raise ValueError("no such column")

def leave(task):
    sys.exit(0)

def vanish(task):
    os._exit(0)

def number(task):
    return 7

def unwritable(task):
    return {"model": object()}

def shout(task):
    for line in range(20_000):
        print("line", line)
    print("last words", file=sys.stderr)
    return {}

def in_parts(task):
    done = len(list(task.checkpoints.glob("part-*")))
    for part in range(done, 4):
        (task.checkpoints / f"part-{part}").touch()
        if part == 1 and done == 0:
            os.kill(os.getpid(), 9)
    return {"found": done}
"""


@pytest.fixture
def jobs(tmp_path: Path) -> Path:
    """A file of jobs."""
    path = tmp_path / "jobs.py"
    path.write_text(JOBS)
    return path


def ask(jobs: Path, name: str, limits: Limits | None = None, **arguments):
    job = Job(function=f"{jobs}:{name}", arguments=arguments)
    return run(job, jobs.parent / "runs", name, limits or Limits(seconds=20))


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_job_that_finishes_leaves_its_result_as_json(jobs: Path):
    done = ask(jobs, "add", numbers=[1, 2, 3])
    assert (done.status, done.exit_code, done.error) == (RunStatus.FINISHED, 0, None)
    assert json.loads(Path(done.result or "").read_text()) == {"sum": 6}
    assert done.peak_memory is not None
    assert 1e6 < done.peak_memory < 1e9


def test_a_finished_key_is_not_run_again(jobs: Path):
    first = ask(jobs, "add", numbers=[1])
    assert ask(jobs, "add", numbers=[5]) == first
    work = work_folder(jobs.parent / "runs", "add")
    assert (work / "checkpoints" / "count").read_text() == "1"


def test_the_last_line_of_progress_is_seen(jobs: Path):
    ask(jobs, "add", numbers=[1])
    work = work_folder(jobs.parent / "runs", "add")
    assert last_step(work) == Step(step="adding", share=0.5)
    with (work / "progress.jsonl").open("ab") as file:
        file.write(b'{"step": "half a li')
    assert last_step(work) == Step(step="adding", share=0.5)


def test_a_job_that_hangs_is_killed_with_its_own_children(jobs: Path):
    begin = time.monotonic()
    done = ask(jobs, "hang", Limits(seconds=1.0))
    assert time.monotonic() - begin < 5
    assert done.status is RunStatus.TIMED_OUT
    assert done.result is None
    other = int((work_folder(jobs.parent / "runs", "hang") / "checkpoints" / "pid").read_text())
    while alive(other) and time.monotonic() - begin < 8:
        time.sleep(0.02)
    assert not alive(other)


def test_a_job_that_spins_is_stopped_by_its_processor_time(jobs: Path):
    done = ask(jobs, "spin", Limits(seconds=20, cpu_seconds=1))
    assert done.status is RunStatus.TIMED_OUT
    assert done.error is not None
    assert done.error.type == "CpuTimeLimit"


@pytest.mark.parametrize("name", ["hog", "wrapped_hog"])
def test_a_job_that_takes_too_much_memory_says_so(jobs: Path, name: str):
    done = ask(jobs, name, Limits(seconds=20, memory=600_000_000))
    assert done.status is RunStatus.OUT_OF_MEMORY
    assert done.peak_memory is not None
    assert done.peak_memory < 600_000_000


@pytest.mark.parametrize(
    ("name", "type_", "message"),
    [
        ("fail", "ValueError", "no such column"),
        ("leave", "SystemExit", "0"),
        ("vanish", "NoResult", "left no result"),
        ("number", "TypeError", "the job gave int"),
        ("unwritable", "TypeError", "object"),
        ("nothing_so_called", "AttributeError", "nothing_so_called"),
    ],
)
def test_a_job_that_gives_no_result_has_failed(jobs: Path, name: str, type_: str, message: str):
    done = ask(jobs, name)
    assert done.status is RunStatus.FAILED
    assert done.error is not None
    assert done.error.type == type_
    assert message in done.error.message


def test_the_trace_of_a_failure_is_in_the_output(jobs: Path):
    assert "in fail\n" in ask(jobs, "fail").log_tail


def test_output_is_kept_up_to_its_limit_the_latest_of_it(jobs: Path):
    done = ask(jobs, "shout", Limits(seconds=20, log_bytes=10_000))
    assert done.log_tail.endswith("last words\n")
    work = work_folder(jobs.parent / "runs", "shout")
    assert sum(path.stat().st_size for path in work.glob("output.log*")) <= 20_000


def test_a_run_that_was_killed_goes_on_from_its_checkpoints(jobs: Path):
    first = ask(jobs, "in_parts")
    assert (first.status, first.exit_code) == (RunStatus.KILLED, -signal.SIGKILL)
    second = ask(jobs, "in_parts")
    assert second.status is RunStatus.FINISHED
    assert json.loads(Path(second.result or "").read_text()) == {"found": 2}


def test_an_error_of_the_watcher_ends_the_run_and_is_passed_on(jobs: Path):
    seen = []

    def watch(sign):
        seen.append(sign)
        if sign.silent is not None:  # it has shown a heartbeat
            raise RuntimeError("lease lost")

    job = Job(function=f"{jobs}:hang")
    with pytest.raises(RuntimeError, match="lease lost"):
        run(job, jobs.parent / "runs", "watched", Limits(seconds=20), watch)
    assert seen[-1].silent < 5
    assert not (work_folder(jobs.parent / "runs", "watched") / "outcome.json").exists()


def test_two_runs_of_one_key_at_once_are_refused(jobs: Path):
    def watch(_):
        with pytest.raises(UsageError, match="at work already"):
            run(job, jobs.parent / "runs", "twice", Limits(seconds=20))
        raise InterruptedError

    job = Job(function=f"{jobs}:hang")
    with pytest.raises(InterruptedError):
        run(job, jobs.parent / "runs", "twice", Limits(seconds=20), watch)


def test_native_code_that_dies_for_want_of_memory_is_told_from_a_crash():
    tail = "terminate called after throwing an instance of 'std::bad_alloc'"
    limited, abort = Limits(memory=1), -signal.SIGABRT
    assert judged(abort, None, tail, late=False, limits=limited)[0] is RunStatus.OUT_OF_MEMORY
    assert judged(abort, None, "", late=False, limits=limited)[0] is RunStatus.KILLED
    assert judged(0, Report(), tail, late=False, limits=limited)[0] is RunStatus.FINISHED


def test_the_job_is_a_process_of_its_own(jobs: Path):
    ask(jobs, "add", numbers=[1])
    spec = json.loads((work_folder(jobs.parent / "runs", "add") / "spec.json").read_text())
    assert spec["parent"] == os.getpid()
