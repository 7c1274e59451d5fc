"""The rows that are evaluated: truth, scores, decisions, costs, and what is resampled."""

from __future__ import annotations

import functools

import msgspec
import numpy as np
import numpy.typing as npt

from holdfast.evaluation.costs import Costs, Prices
from holdfast.stats.binned import Binned, cut_costs
from holdfast.stats.ranked import Ranked
from holdfast.stats.resampling import Units, draw, independent

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.intp]

#: resamples of bins and of sums; of the four counts, which cost nothing, there are more
DRAWS = 400
COUNT_DRAWS = 2_000
#: share of rows looked at where no review capacity is given
DEFAULT_BUDGET = 0.10


class Confusion(msgspec.Struct, frozen=True):
    """Counts of decisions against truth."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int

    @property
    def rows(self) -> int:
        """All rows."""
        return self.true_positive + self.false_positive + self.false_negative + self.true_negative

    @property
    def cells(self) -> Floats:
        """The four counts: tp, fp, fn, tn."""
        return np.array(
            [self.true_positive, self.false_positive, self.false_negative, self.true_negative],
            dtype=np.float64,
        )


class Sample:
    """Truth, scores and decisions of the rows that are evaluated.

    Args:
        positive: shape (n,), True for the positive class.
        score: shape (n,), finite.
        decided: shape (n,), True where the decision is "positive".
        prices: the cost of both decisions about every row.
        level: coverage of the intervals.
        seed: seed of resampled intervals.
        units: what is resampled together; None takes every row by itself.
        budget: rows that can be looked at; None takes a tenth of them.
        alerted: shape (n,), the rows looked at where the budget is one of each period.
    """

    def __init__(
        self,
        positive: Bools,
        score: Floats,
        decided: Bools,
        prices: Prices,
        *,
        level: float = 0.95,
        seed: int = 0,
        units: Units | None = None,
        budget: float | None = None,
        alerted: Bools | None = None,
    ) -> None:
        self.positive, self.score, self.decided = positive, score, decided
        self.prices, self.level, self.seed = prices, level, seed
        n = len(positive)
        self.n, self.positives = n, int(positive.sum())
        self.units = independent(n) if units is None else units
        self.budget = max(1.0, DEFAULT_BUDGET * n) if budget is None else min(float(budget), n)
        self.alerted = alerted
        tp = int((positive & decided).sum())
        fp = int(decided.sum()) - tp
        fn = self.positives - tp
        self.confusion = Confusion(tp, fp, fn, n - tp - fp - fn)
        self.probability = bool(n) and float(score.min()) >= 0.0 and float(score.max()) <= 1.0

    @property
    def costs(self) -> Costs:
        """The cost of each kind of decision, by-row costs as their means."""
        return self.prices.mean

    @functools.cached_property
    def ranked(self) -> Ranked:
        """The rows sorted once by score."""
        return Ranked(self.positive, self.score)

    @functools.cached_property
    def merged(self) -> tuple[Ints, int]:
        """Unit of each row for the bootstrap, and the number of units."""
        return self.units.merged(self.n, self.seed)

    @functools.cached_property
    def weights(self) -> Floats:
        """How often each unit is drawn, shape (DRAWS, units)."""
        return draw(self.merged[1], DRAWS, self.seed)

    @functools.cached_property
    def binned(self) -> Binned:
        """Every resample, by bins of score."""
        ranked, prices = self.ranked, self.prices
        wanted = np.array([self.limit, float(np.median(prices.threshold))])
        cuts = np.searchsorted(-ranked.cuts, -wanted, side="right")
        best = int(np.argmin(cut_costs(ranked, prices.if_positive, prices.if_negative)))
        return Binned(
            self.ranked,
            self.merged[0],
            self.weights,
            keep=np.maximum(np.r_[cuts, best] - 1, 0),
            if_positive=self.prices.if_positive,
            if_negative=self.prices.if_negative,
        )

    @property
    def limit(self) -> float:
        """The lowest score decided positive; above the highest score when there is none."""
        chosen = self.score[self.decided]
        return float(chosen.min()) if len(chosen) else float(np.nextafter(self.score.max(), np.inf))

    @functools.cached_property
    def confusions(self) -> Floats:
        """Resampled counts tp, fp, fn, tn, shape (draws, 4)."""
        cells = self.confusion.cells
        if self.units.of_row is None:
            rng = np.random.default_rng(self.seed)
            return rng.multinomial(self.n, cells / self.n, size=COUNT_DRAWS).astype(np.float64)
        unit, count = self.merged
        kind = np.where(self.positive, np.where(self.decided, 0, 2), np.where(self.decided, 1, 3))
        flat = np.bincount(unit * 4 + kind, minlength=count * 4)
        return self.weights @ flat.reshape(count, 4).astype(np.float64)

    def means(self, values: Floats) -> Floats:
        """Resampled means of a number each row has, shape (draws,)."""
        unit, count = self.merged
        rows = np.bincount(unit, minlength=count).astype(np.float64)
        sums = np.bincount(unit, weights=values, minlength=count)
        return np.asarray((self.weights @ sums) / (self.weights @ rows))
