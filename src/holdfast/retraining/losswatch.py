"""A watch over a champion's realized loss: has it risen, and since when; looked at at any time.

Rows are averaged in blocks. With `m` the largest mean loss that is no rise, each block's mean `x`
multiplies a bet by ``1 + λ(x - m)``, and before it one more unit is staked:
``M ← (M + 1)(1 + λ(x - m))``, averaged over several λ below ``1/m``. While the mean loss given the
past stays at `m` or below, ``E[M]`` after n blocks is at most n. So ``M ≥ A`` within the first n
blocks has a chance of at most ``n / A``, and there are at least A blocks on average until the first
false alarm, whatever the distribution of the losses. A is ``20 / (1 - confidence)``: at 0.95 a
chance of 5 % within 1,000 rows, and at least 20,000 rows on average.

Source: Shin, Ramdas and Rinaldo, E-detectors: a nonparametric framework for sequential change
detection, New England Journal of Statistics in Data Science 2 (2024); the bets are those of
Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, JRSS B 86 (2024).
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from holdfast.errors import DataError, UsageError
from holdfast.retraining.facts import LossSignal
from holdfast.stats.sequential import best_mixture, sequence_radius

#: rows of a block
BLOCK = 50
#: blocks before anything is said
FEWEST = 4
#: blocks within which a false alarm has a chance of at most 1 - confidence
BLOCKS = 20
#: λ in shares of the largest one
_BETS = (0.05, 0.1, 0.2, 0.4, 0.7)
#: a bet is kept at most so many times what it needs to give the alarm alone, so that the alarm ends
#: when the loss comes down again; taking wealth away never makes a false alarm more likely
_MOST = 2.0


class _Bet(msgspec.Struct):
    """One λ: its wealth, and the run since its cumulative sum was last at zero."""

    wealth: float = 0.0
    gain: float = 0.0
    since: int = 0
    blocks: int = 0
    total: float = 0.0
    squares: float = 0.0


class _State(msgspec.Struct, kw_only=True):
    mean: float
    most: float
    confidence: float
    block: int
    bets: list[_Bet]
    rows: int = 0
    blocks: int = 0
    total: float = 0.0
    open_rows: int = 0
    open_total: float = 0.0
    open_since: int = 0


class LossWatch:
    """Watches the losses of one release; the same rows in any batches give the same state.

    Args:
        mean: the loss it was released with, above 0.
        upper: the upper end of that loss's interval.
        rise: by which share of `mean` it must have risen, above 0; a rise within the interval is
            none.
        confidence: in (0.5, 1); see above.
        block: rows averaged into one bet, 1 or more. Rows of one block may depend on each other.

    Raises:
        UsageError: a setting is out of range.

    Example:
        >>> watch = LossWatch(0.3, 0.32, rise=0.05)
        >>> watch.update(np.full(2000, 0.3), np.arange(2000))
        >>> watch.signal().risen
        False
        >>> watch.update(np.full(2000, 0.5), np.arange(2000, 4000))
        >>> signal = watch.signal()
        >>> signal.risen, signal.since, round(signal.estimate, 2)
        (True, 2000, 0.5)
    """

    def __init__(
        self,
        mean: float,
        upper: float,
        *,
        rise: float,
        confidence: float = 0.95,
        block: int = BLOCK,
    ) -> None:
        if not (0 < mean < math.inf and rise > 0 and 0.5 < confidence < 1 and block >= 1):
            raise UsageError(
                "the watch cannot be set up so",
                expected="mean > 0, rise > 0, 0.5 < confidence < 1, block >= 1",
                got=f"mean={mean}, rise={rise}, confidence={confidence}, block={block}",
            )
        self._s = _State(
            mean=mean,
            most=max(mean * (1 + rise), upper),
            confidence=confidence,
            block=block,
            bets=[_Bet() for _ in _BETS],
        )

    def dump(self) -> bytes:
        """Everything, to go on with `load`."""
        return msgspec.msgpack.encode(self._s)

    @classmethod
    def load(cls, state: bytes) -> LossWatch:
        """The watch as it was when it was dumped.

        Raises:
            DataError: this is no state of a watch.
        """
        watch = cls.__new__(cls)
        try:
            watch._s = msgspec.msgpack.decode(state, type=_State)
        except msgspec.MsgspecError as error:
            raise DataError("this is not the state of a loss watch", got=str(error)) from None
        return watch

    def update(self, losses: NDArray[np.float64], at: NDArray[np.int64]) -> None:
        """Takes in judged rows, in the order in which they are judged.

        Args:
            losses: shape (n,), 0 or more; NaN for rows without a loss, which are left out.
            at: event times, shape (n,), microseconds since 1970 (UTC).

        Raises:
            DataError: a loss below 0 or without end; nothing is taken in.
        """
        known = ~np.isnan(losses)
        values, times = losses[known], at[known]
        if len(values) and not (values.min() >= 0 and np.isfinite(values).all()):
            raise DataError(
                "these are no losses", expected="finite numbers, 0 or more",
                got=f"from {values.min()} to {values.max()}",
            )  # fmt: skip
        s = self._s
        for value, when in zip(values.tolist(), times.tolist(), strict=True):
            if s.open_rows == 0:
                s.open_since = when
            s.open_rows += 1
            s.open_total += value
            s.rows += 1
            s.total += value
            if s.open_rows == s.block:
                self._bet(s.open_total / s.block, s.open_since)
                s.open_rows, s.open_total = 0, 0.0

    def _bet(self, mean: float, since: int) -> None:
        s = self._s
        s.blocks += 1
        most = _MOST * len(_BETS) * self.needed
        for share, bet in zip(_BETS, s.bets, strict=True):
            factor = 1.0 + share / s.most * (mean - s.most)
            bet.wealth = min((bet.wealth + 1.0) * factor, most)
            if bet.gain <= 0.0:
                bet.gain, bet.since = 0.0, since
                bet.blocks, bet.total, bet.squares = 0, 0.0, 0.0
            bet.gain = min(bet.gain + math.log(factor), math.log(most))
            bet.blocks += 1
            bet.total += mean
            bet.squares += mean * mean

    @property
    def rows(self) -> int:
        """Rows with a loss that were taken in."""
        return self._s.rows

    @property
    def evidence(self) -> float:
        """What the bets are worth, averaged; its expectation is at most the number of blocks."""
        return sum(bet.wealth for bet in self._s.bets) / len(_BETS)

    @property
    def needed(self) -> float:
        """The evidence that tells of a rise."""
        return BLOCKS / (1.0 - self._s.confidence)

    def signal(self) -> LossSignal:
        """What is known now.

        ``estimate`` is the mean over the run of rows in which the rise is seen, or over all rows
        without one. Its interval holds at all looks for a run fixed beforehand; as the run is
        chosen from the same rows, it leans to the high side after an alarm.
        """
        s = self._s
        if s.blocks < FEWEST:
            return LossSignal(
                estimate=None, baseline=s.mean, rows=s.rows,
                why=f"{s.rows} judged rows, {FEWEST * s.block} are needed",
            )  # fmt: skip
        bet = max(s.bets, key=lambda b: b.wealth)
        if self.evidence < self.needed:
            return LossSignal(estimate=s.total / s.rows, baseline=s.mean, risen=False, rows=s.rows)
        value = bet.total / bet.blocks
        spread = max(bet.squares / bet.blocks - value**2, 0.0)
        half = sequence_radius(
            bet.blocks, math.sqrt(spread), best_mixture(100, s.confidence), s.confidence
        )
        return LossSignal(
            estimate=value, low=max(value - half, 0.0), high=value + half, baseline=s.mean,
            risen=True, since=bet.since, rows=bet.blocks * s.block,
        )  # fmt: skip
