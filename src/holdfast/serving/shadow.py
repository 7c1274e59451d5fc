"""Shadows: releases that score the rows that were answered, where nobody waits for them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, Full, Queue
from typing import Any, NamedTuple

from holdfast.releases.scorer import MODEL, MODEL_ERROR
from holdfast.serving.ports import Champion, LogLike

log = logging.getLogger("holdfast.serving")

#: groups of rows that may wait, and rows of one group that are looked at
WAITING, MOST = 256, 4_096


class Seen(NamedTuple):
    """Rows that were answered, for a shadow to score.

    Attributes:
        shadow: the release.
        ids: of the predictions.
        rows: as the champion got them.
        at: event times, microseconds since 1970 (UTC).
    """

    shadow: Champion
    ids: list[str]
    rows: list[dict[str, Any]]
    at: list[int]


class Shadows:
    """Scores what was answered, in a thread of its own.

    What does not fit into the queue is left out and counted: a shadow never slows an answer. What
    a shadow raises is logged as a failed answer and harms nothing else.

    Args:
        out: the log of shadows.
        clock: microseconds since 1970 (UTC).
    """

    def __init__(self, out: LogLike, clock: Callable[[], int]) -> None:
        self._out = out
        self._clock = clock
        self._queue: Queue[Seen | None] = Queue(WAITING)
        self._thread: threading.Thread | None = None
        #: rows that were left out as the queue was full, and rows that could not be written
        self.dropped = 0

    def offer(self, seen: Seen) -> None:
        """Hands over rows; returns at once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="holdfast-shadow", daemon=True)
            self._thread.start()
        try:
            self._queue.put_nowait(seen)
        except Full:
            self.dropped += len(seen.ids)

    def close(self, patience: float = 2.0) -> None:
        """Finishes what is queued, as far as it can be done within `patience` seconds."""
        if self._thread is None:
            return
        try:
            self._queue.put(None, timeout=patience)
        except Full:
            while True:  # nobody reads any more: make room for the end
                try:
                    self._queue.get_nowait()
                except Empty:
                    break
            self._queue.put_nowait(None)
        self._thread.join(patience)

    def _run(self) -> None:
        while True:
            seen = self._queue.get()
            if seen is None:
                return
            try:
                self._out.append_columns(self._scored(seen), durable=False)
                self._out.flush()
            except Exception as error:  # noqa: BLE001 - whatever it is, answers go on
                self.dropped += len(seen.ids)
                log.warning("a shadow's answers were not kept: %s", type(error).__name__)

    def _scored(self, seen: Seen) -> dict[str, Sequence[Any]]:
        begun = time.perf_counter()
        answers: Sequence[Any]
        try:
            answers = seen.shadow.scorer.answer(seen.rows[:MOST])
        except Exception as error:  # noqa: BLE001 - any model may raise anything
            log.warning("the shadow of %r raised %s", seen.shadow.model, type(error).__name__)
            answers = [None] * len(seen.rows[:MOST])
        took = round((time.perf_counter() - begun) * 1e6 / max(len(answers), 1))
        count = len(answers)
        return {
            "id": seen.ids[:count],
            "model": [seen.shadow.model] * count,
            "release": [seen.shadow.release] * count,
            "at": seen.at[:count],
            "received": [self._clock()] * count,
            "score": [None if a is None else a.score for a in answers],
            "decision": [None if a is None else a.decision for a in answers],
            "failed": [a is None or failed(a) for a in answers],
            "micros": [took] * count,
        }


def failed(answer: Any) -> bool:
    """Whether a model could not answer a row that the guard let through."""
    return any(mark.field == MODEL and mark.code == MODEL_ERROR for mark in answer.violations)
