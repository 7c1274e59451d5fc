"""The canary of a model: which requests it answers, and the guards that stop it."""

from __future__ import annotations

import hashlib
from collections import deque

from holdfast.serving.latency import Latency
from holdfast.serving.ports import Champion

#: answers that the guard over failures looks back on, failures it takes at least, and their share
WINDOW, FAILURES, SHARE = 200, 5, 0.02


def place(salt: str, key: str) -> float:
    """Where a request stands in [0, 1): the same key always at the same place, for one salt.

    Args:
        salt: id of the canary, so that each canary gets other requests.
        key: what makes requests belong together: the entity, else the request.

    Example:
        >>> place("r1", "customer-7") == place("r1", "customer-7") != place("r2", "customer-7")
        True
    """
    digest = hashlib.sha256(f"{salt}\x00{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


class Canary:
    """A release that answers a share of the requests.

    The share is kept by the place of each request, so it is never exceeded but by chance of the
    hash, and one entity is always answered by the same release. A request of many rows goes by its
    first one, so that a whole answer comes from one release.

    Args:
        release: the release, with the champion that answers where it fails.
        share: of the requests, in [0, 1].
        max_p99: microseconds of scoring that 99 of 100 requests may take for a row; None: it may
            take as long as it does.
    """

    def __init__(self, release: Champion, share: float, max_p99: int | None = None) -> None:
        self.release = release
        self.share = share
        self._latency = None if max_p99 is None else Latency(max_p99)
        self._last: deque[bool] = deque(maxlen=WINDOW)
        self._failed = 0
        #: the guard that stopped it, and why; empty while it answers
        self.guard = ""
        self.tripped = ""

    @property
    def timed(self) -> bool:
        """Whether its time counts: then its requests are scored one by one."""
        return self._latency is not None

    def takes(self, key: str) -> bool:
        """Whether the request with this key is the canary's."""
        return not self.tripped and place(self.release.release, key) < self.share

    def stop(self, guard: str, why: str) -> None:
        """It answers no more; the first reason stays.

        Args:
            guard: ``error_rate`` or ``latency``.
            why: in words.
        """
        if not self.tripped:
            self.guard, self.tripped = guard, why

    def took(self, seconds: float, rows: int) -> None:
        """Takes note of how long it scored one request, and stops it when it is too slow.

        Args:
            seconds: of scoring.
            rows: of the request, 1 or more.
        """
        why = self._latency.add(seconds * 1e6 / rows) if self._latency is not None else ""
        if why:
            self.stop("latency", why)

    def count(self, answers: int, failed: int) -> None:
        """Takes note of answers, and stops the canary when too many of the last ones failed.

        Args:
            answers: rows it was asked for.
            failed: those the champion had to answer instead.
        """
        for number in range(answers):
            if len(self._last) == WINDOW:
                self._failed -= self._last[0]
            self._last.append(number < failed)
            self._failed += number < failed
        seen = len(self._last)
        if self._failed >= FAILURES and self._failed > SHARE * seen:
            self.stop("error_rate", f"{self._failed} of its last {seen} answers failed")
