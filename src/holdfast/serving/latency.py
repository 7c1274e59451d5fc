"""The latency guard of a canary: an exact test of the 99th percentile of the time a row takes.

A percentile is above a bound when more than its share of the answers is. So the slow answers among
the last ones are counted and held against the binomial distribution that they had if one in a
hundred were slow: the same as an exact lower bound of the percentile by order statistics, without
any assumption on how times are spread.
"""

from __future__ import annotations

from collections import deque

from holdfast.stats.intervals import binomial_tail

#: requests that the guard looks back on, and share of them that may take longer than the bound
WINDOW, SLOW = 1_000, 0.01
#: requests before it may speak: three slow ones would be enough for the test alone, and the first
#: ones of a release meet cold caches; among twenty, six must be slow
FEWEST = 20
#: level of each look; a canary that is just as slow as allowed is stopped in 3 of 2,000 simulated
#: lives of 100,000 requests
LEVEL = 1e-6


class Latency:
    """Tells when a release takes too long.

    Args:
        bound: microseconds of scoring that 99 of 100 requests may take for a row, 0 or more.

    Example:
        >>> guard = Latency(50_000)
        >>> [guard.add(80_000.0) for _ in range(FEWEST)][-1]
        '20 of its last 20 requests took more than 50.0 ms a row, 99 of 100 up to 80.0 ms'
    """

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._last: deque[float] = deque(maxlen=WINDOW)
        self._slow = 0

    def add(self, micros: float) -> str:
        """Takes note of a request; gives why the release is too slow, empty where it is not.

        Only a request that took longer than the bound can be the one to stop a release.

        Args:
            micros: microseconds of scoring for one of its rows: those of the request, divided by
                its rows. The network and the time in a queue are not in it.
        """
        if len(self._last) == WINDOW:
            self._slow -= self._last[0] > self._bound
        self._last.append(micros)
        if micros <= self._bound:
            return ""
        self._slow += 1
        seen = len(self._last)
        if seen < FEWEST or binomial_tail(self._slow, seen, SLOW) > LEVEL:
            return ""
        return (
            f"{self._slow} of its last {seen} requests took more than {self._bound / 1000:.1f} ms "
            f"a row, 99 of 100 up to {self.p99() / 1000:.1f} ms"
        )

    def p99(self) -> float:
        """The smallest time that 99 of 100 of the last requests keep, microseconds.

        Example:
            >>> guard = Latency(50_000)
            >>> said = [guard.add(float(number)) for number in range(1, 201)]
            >>> guard.p99()
            198.0
        """
        ordered = sorted(self._last)
        return ordered[-(len(ordered) * 99 // -100) - 1]
