"""Which of two models is better, looked at as often as one likes: a confidence sequence."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np

from holdfast.errors import DataError, UsageError
from holdfast.stats.sequential import best_mixture, sequence_radius

#: rows, and rows on which the two differ, before the first interval is given
FIRST_ROWS, FIRST_MOVED = 100, 30


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What is known after a look.

    Attributes:
        rows: differences seen so far.
        value: their mean, loss of the first less loss of the second; None before any.
        low, high: interval that holds the true mean at all looks at once with the sequence's
            level; None while too little was seen.
        decided: ``first`` or ``second``, the one with the smaller loss; ``equal`` when no
            difference as large as the margin is left; None: cannot be told yet. Once decided it
            stays, however the later rows fall.
        decided_at: rows seen when it was decided.
        why_not: what is still lacking before an interval can be given.
    """

    rows: int
    value: float | None
    low: float | None
    high: float | None
    decided: str | None
    decided_at: int | None
    why_not: str = ""


class ConfidenceSequence(msgspec.Struct, kw_only=True):
    """Paired loss differences of two models, watched for as long as it takes.

    An interval for the mean difference that is right at every look together: stop at the first
    decision, look after every row, or go on for ever, and the chance of naming a winner where the
    two are equal stays below ``1 - level``. State: ten numbers, kept as JSON by `to_dict`.

    Attributes:
        level: probability that the interval holds the true mean at all looks, in (0, 1).
        horizon: rows around which it is tightest; any horizon is valid.
        margin: a mean difference smaller than this does not matter; 0 never decides ``equal``.
        rows, mean, squares, moved: rows, their mean, sum of squares about it, rows not zero.
        decided, decided_at: the decision and when it fell.
        largest: largest absolute difference seen.

    The interval is asymptotic: it is not given before 100 rows and 30 rows on which the two
    differ. Rows are taken as independent: sum the differences of one entity (or day) first.
    Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, Time-uniform central limit theory and
    asymptotic confidence sequences, Annals of Statistics 52 (2024).

    Example:
        >>> sequence = ConfidenceSequence()
        >>> look = sequence.update([1.0, 0.0, 0.0] * 400)  # the first errs more often
        >>> look.decided, round(look.low, 2), round(look.high, 2)
        ('second', 0.28, 0.38)
        >>> ConfidenceSequence.from_dict(sequence.to_dict()) == sequence
        True
    """

    level: float = 0.95
    horizon: int = 10_000
    margin: float = 0.0
    rows: int = 0
    mean: float = 0.0
    squares: float = 0.0
    moved: int = 0
    largest: float = 0.0
    decided: str | None = None
    decided_at: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.level < 1 or self.horizon < 1 or not 0 <= self.margin < math.inf:
            raise UsageError(
                "the confidence sequence cannot be set up so",
                expected="0 < level < 1, horizon >= 1, margin >= 0 and finite",
                got=f"level={self.level}, horizon={self.horizon}, margin={self.margin}",
            )

    def update(self, differences: Any) -> Look:
        """Takes in more rows and looks.

        Args:
            differences: shape (k,), k >= 0, finite: loss of the first less loss of the second on
                rows not given before. The order within one call does not matter.

        Raises:
            DataError: a difference is not a finite number; nothing is taken in.
        """
        try:
            new = np.asarray(differences, dtype=np.float64).ravel()
        except (TypeError, ValueError) as wrong:
            raise DataError("the differences are not numbers", expected="finite numbers") from wrong
        if not np.isfinite(new).all():
            raise DataError(
                "some differences are not finite",
                expected="finite numbers",
                got=f"bad={int((~np.isfinite(new)).sum())} of {len(new)}",
                remedy="leave out rows without a label; clip scores before a log loss",
            )
        if len(new):
            self._take(new)
        look = self.look()
        if self.decided is None and look.decided is not None:
            self.decided, self.decided_at = look.decided, self.rows
            look = self.look()
        return look

    def _take(self, new: np.ndarray[Any, np.dtype[np.float64]]) -> None:
        """Welford's update by a block: Chan, Golub and LeVeque 1983."""
        count, mean = len(new), float(new.mean())
        rows = self.rows + count
        gap = mean - self.mean
        self.squares += float(((new - mean) ** 2).sum()) + gap**2 * self.rows * count / rows
        self.mean += gap * count / rows
        self.rows = rows
        self.moved += int(np.count_nonzero(new))
        self.largest = max(self.largest, float(np.abs(new).max()))

    def look(self) -> Look:
        """What is known now, without new rows."""
        lacking = ""
        if self.rows < FIRST_ROWS:
            lacking = f"{self.rows} rows, {FIRST_ROWS} are needed"
        elif self.moved < FIRST_MOVED:
            lacking = f"the two differ on {self.moved} rows, {FIRST_MOVED} are needed"
        low = high = None
        decided = self.decided
        if not lacking:
            variance = (self.squares + self.largest**2) / self.rows
            half = sequence_radius(
                self.rows, math.sqrt(variance), best_mixture(self.horizon, self.level), self.level
            )
            low, high = self.mean - half, self.mean + half
            decided = decided or self._decision(low, high)
        return Look(
            rows=self.rows, value=self.mean if self.rows else None, low=low, high=high,
            decided=decided, decided_at=self.decided_at, why_not=lacking,
        )  # fmt: skip

    def _decision(self, low: float, high: float) -> str | None:
        if low > 0.0:
            return "second"
        if high < 0.0:
            return "first"
        if -self.margin < low and high < self.margin:
            return "equal"
        return None

    def to_dict(self) -> dict[str, Any]:
        """The whole state as plain data."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> ConfidenceSequence:
        """The sequence as it was.

        Raises:
            DataError: the state is not one that `to_dict` gave.
        """
        try:
            return msgspec.convert(state, cls)
        except msgspec.ValidationError as wrong:
            raise DataError(
                "this is not the state of a confidence sequence", got=str(wrong)[:120]
            ) from wrong
