"""Group commit: many requests, one scoring call, one durable write, one wake-up.

Jobs that arrive while a batch is being worked on wait for the next one. One thread works, so at
most one batch is in flight; when it is done, a single wake-up of the event loop resolves every
future of the batch. Under load the next batch waits, at most `linger` seconds, for the clients
just answered to come back: sixteen clients then share one write instead of taking turns.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Generic, Protocol, TypeVar

from holdfast.serving.limits import TooBusyError


class Job(Protocol):
    """Something to be worked on; `weight` is its number of rows."""

    @property
    def weight(self) -> int:
        """Its number of rows."""
        ...


J = TypeVar("J", bound=Job)
R = TypeVar("R")

#: Given the jobs of a batch, returns a result or an exception for each, in order. It may answer
#: before it returns, by the function it is given; then what it returns is not looked at.
Work = Callable[
    [Sequence[J], Callable[[Sequence["R | BaseException"]], None]], Sequence["R | BaseException"]
]


class GroupCommit(Generic[J, R]):
    """Collects jobs on the event loop and works on them, batch by batch, in one thread.

    Args:
        work: called in the thread with the jobs of a batch (see `Work`).
        pending_rows: rows that may wait; a job beyond that is refused with `TooBusyError`.
        batch_rows: rows of one batch, unless a single job has more.
        linger: seconds without a new job after which a batch starts although more are expected.
        patience: seconds that a job waits for others at most.
        name: name of the thread.
    """

    def __init__(
        self,
        work: Work[J, R],
        *,
        pending_rows: int,
        batch_rows: int = 4096,
        linger: float = 0.002,
        patience: float = 0.006,
        name: str = "holdfast-commit",
    ) -> None:
        self._work = work
        self._pending_rows = pending_rows
        self._batch_rows = batch_rows
        self._linger = linger
        self._patience = patience
        self._seen = 0
        self._latest = 0.0
        self._jobs: list[J] = []
        self._futures: list[asyncio.Future[R]] = []
        self._rows = 0
        self._busy = False
        self._scheduled = False
        self._timer: asyncio.TimerHandle | None = None
        self._expected = 1
        self._closed = False
        self._idle: asyncio.Event | None = None
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[tuple[list[J], list[asyncio.Future[R]]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def waiting_rows(self) -> int:
        """Rows that wait for their batch."""
        return self._rows

    def submit(self, job: J) -> asyncio.Future[R]:
        """Queue a job; the future holds its result once the whole batch is done.

        Raises:
            TooBusyError: when too many rows wait already, or the service is closing.
        """
        if self._rows and self._rows + job.weight > self._pending_rows:
            raise TooBusyError(f"rows_waiting={self._rows}")
        if self._closed:
            raise TooBusyError("the server is shutting down", retry_after=2)
        future: asyncio.Future[R] = self._loop.create_future()
        self._jobs.append(job)
        self._futures.append(future)
        self._rows += job.weight
        if not self._busy and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._consider)
        elif self._timer is not None and len(self._jobs) >= self._expected:
            self._timer.cancel()
            self._timer = None
            self._loop.call_soon(self._start)
        return future

    def _consider(self) -> None:
        """After this tick's arrivals: start, or linger for the clients that are expected."""
        self._seen = len(self._jobs)
        if self._seen >= self._expected or self._closed:
            self._start()
        else:
            self._latest = self._loop.time() + self._patience
            self._timer = self._loop.call_later(self._linger, self._look_again)

    def _look_again(self) -> None:
        """Linger on while jobs keep coming."""
        count = len(self._jobs)
        if count == self._seen or self._loop.time() >= self._latest:
            self._start()
        else:
            self._seen = count
            self._timer = self._loop.call_later(self._linger, self._look_again)

    def _start(self) -> None:
        self._timer = None
        self._scheduled = False
        jobs, futures = self._jobs, self._futures
        if not jobs or self._busy:
            return
        if self._rows <= self._batch_rows:
            self._jobs, self._futures, self._rows = [], [], 0
        else:
            rows = count = 0
            for job in jobs:
                if count and rows + job.weight > self._batch_rows:
                    break
                rows += job.weight
                count += 1
            self._jobs, self._futures = jobs[count:], futures[count:]
            jobs, futures = jobs[:count], futures[:count]
            self._rows -= rows
        self._busy = True
        self._queue.put((jobs, futures))

    def _run(self) -> None:
        wake = self._loop.call_soon_threadsafe
        while (item := self._queue.get()) is not None:
            jobs, futures = item
            early = False

            def answer(
                results: Sequence[R | BaseException], futures: list[asyncio.Future[R]] = futures
            ) -> None:
                nonlocal early
                early = True
                wake(self._resolve, futures, results)

            results: Sequence[R | BaseException]
            try:
                results = self._work(jobs, answer)
            except BaseException as error:  # noqa: BLE001 - whatever it is, the clients must hear it
                results = [error] * len(jobs)
            wake(self._done, [] if early else futures, results, len(jobs))

    def _resolve(
        self, futures: Sequence[asyncio.Future[R]], results: Sequence[R | BaseException]
    ) -> None:
        for future, result in zip(futures, results, strict=True):
            if future.done():
                continue
            if isinstance(result, BaseException):
                future.set_exception(result)
            else:
                future.set_result(result)

    def _done(
        self,
        futures: Sequence[asyncio.Future[R]],
        results: Sequence[R | BaseException],
        answered: int,
    ) -> None:
        if futures:
            self._resolve(futures, results)
        self._busy = False
        self._expected = min(answered + len(self._jobs), 256)
        if self._jobs:
            self._scheduled = True
            self._consider()
        elif self._idle is not None:
            self._idle.set()

    async def close(self) -> None:
        """Work off what is queued, refuse anything new, and stop the thread."""
        self._closed = True
        while self._busy or self._jobs:
            if not self._busy:
                if self._timer is not None:
                    self._timer.cancel()
                self._start()
            self._idle = asyncio.Event()
            await self._idle.wait()
        self._queue.put(None)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join, 5.0)
