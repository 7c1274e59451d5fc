"""Rows sorted once by score, and what follows from the order: AUC, DeLong, average precision."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from holdfast.stats.ranking import newcombe
from holdfast.stats.resampling import Units

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.intp]


class Ranked:
    """Truth and scores in falling order of score, ties gathered.

    Args:
        positive: shape (n,), True for the positive class.
        score: shape (n,), finite.

    Attributes:
        order: shape (n,), the sorting.
        cuts: shape (k,), distinct scores, highest first.
        tie: shape (n,), which of the k each sorted row belongs to.
        found, asked: shape (k,), positives and rows at or above each cut.
    """

    def __init__(self, positive: Bools, score: Floats) -> None:
        self.n = len(score)
        self.order: Ints = np.argsort(-score, kind="stable")
        ordered = score[self.order]
        self.sorted_positive = positive[self.order]
        last = np.flatnonzero(np.r_[ordered[1:] != ordered[:-1], True])
        self.cuts: Floats = ordered[last]
        self.asked = (last + 1).astype(np.float64)
        self.found = np.cumsum(self.sorted_positive)[last].astype(np.float64)
        self.sizes = np.diff(np.r_[0, last + 1])
        self.positives = int(self.found[-1]) if self.n else 0
        self.negatives = self.n - self.positives

    @property
    def _steps(self) -> tuple[Floats, Floats]:
        """Positives and negatives at each cut itself."""
        hits = np.diff(np.r_[0.0, self.found])
        return hits, self.sizes - hits

    def roc_auc(self) -> float:
        """Probability that a positive scores above a negative, ties counting half; NaN if none."""
        if not self.positives or not self.negatives:
            return math.nan
        hits, misses = self._steps
        above = self.found - hits / 2.0
        return float(above @ misses) / (self.positives * self.negatives)

    def _components(self) -> tuple[Floats, Floats]:
        """At each cut: share of negatives below, share of positives above (ties half)."""
        hits, misses = self._steps
        seen = np.cumsum(misses)
        return (
            1.0 - (seen - misses / 2.0) / self.negatives,
            (self.found - hits / 2.0) / self.positives,
        )

    def delong(self, units: Units) -> tuple[float, float]:
        """Variance of the AUC with independent rows (DeLong 1988), and the design effect.

        The design effect is the variance of the structural components summed over units
        (Obuchowski 1997) against that of rows. NaN and 1 with fewer than two rows of a class.
        """
        m, n = self.positives, self.negatives
        if m < 2 or n < 2:
            return math.nan, 1.0
        above, below = self._components()
        hits, misses = self._steps
        auc = float(above @ hits) / m
        v10 = float(((above - auc) ** 2) @ hits) / (m - 1) / m
        v01 = float(((below - auc) ** 2) @ misses) / (n - 1) / n
        if units.of_row is None:
            return v10 + v01, 1.0
        per_row = np.where(
            self.sorted_positive,
            np.repeat((above - auc) / m, self.sizes),
            np.repeat((below - auc) / n, self.sizes),
        )
        influence = np.empty(self.n)
        influence[self.order] = per_row
        return v10 + v01, units.design_effect(influence)

    def roc_auc_interval(self, units: Units, level: float) -> tuple[float, float, str]:
        """Interval of the AUC and its method; see `holdfast.stats.ranking.roc_auc_interval`.

        Rows that belong together count as fewer: both class sizes are divided by the design
        effect before Newcombe's method, the variance is multiplied before logit-DeLong.
        """
        auc = self.roc_auc()
        if math.isnan(auc):
            return math.nan, math.nan, ""
        z = NormalDist().inv_cdf((1.0 + level) / 2.0)
        variance, effect = self.delong(units)
        m, n = self.positives / effect, self.negatives / effect
        suffix = "" if units.of_row is None else f" by {units.kind}"
        if min(m, n) < 200 or auc > 0.95 or not variance > 0.0:
            low, high = newcombe(auc, m, n, z)
            return low, high, f"newcombe method 5{suffix}"
        logit = math.log(auc / (1.0 - auc))
        half = z * math.sqrt(variance * effect) / (auc * (1.0 - auc))
        low, high = (1.0 / (1.0 + math.exp(-x)) for x in (logit - half, logit + half))
        return low, high, f"logit delong{suffix}"

    def average_precision(self) -> float:
        """Area under the precision-recall steps, ties as one step; NaN without positives."""
        if not self.positives:
            return math.nan
        hits, _ = self._steps
        return float(hits @ (self.found / self.asked)) / self.positives

    def recall_at(self, budget: float) -> float:
        """Share of positives in the `budget` rows that score highest; a tie is shared evenly."""
        if not self.positives:
            return math.nan
        return float(np.interp(budget, np.r_[0.0, self.asked], np.r_[0.0, self.found])) / (
            self.positives
        )
