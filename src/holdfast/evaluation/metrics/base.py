"""What a metric declares, and the intervals that several of them share."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import msgspec
import numpy as np
import numpy.typing as npt

from holdfast.evaluation.metrics.sample import Sample
from holdfast.records import Estimate
from holdfast.stats.intervals import wilson_bounds
from holdfast.stats.resampling import quantile_interval

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One metric.

    Attributes:
        name: its literature name and key.
        unit: unit of the number.
        higher_is_better: direction; None when there is none.
        compute: the estimate of a sample.
        meaning: one sentence for people.
        least: rows of the smaller class without which the number is refused.
        probability: whether the scores must be probabilities.
    """

    name: str
    unit: str
    higher_is_better: bool | None
    compute: Callable[[Sample], Estimate]
    meaning: str
    least: int = 0
    probability: bool = False

    def estimate(self, s: Sample) -> Estimate:
        """The estimate, or a refusal with what would be needed."""
        if self.probability and not s.probability:
            return refused(s, self.unit, "the scores are not probabilities between 0 and 1")
        smaller = min(s.positives, s.n - s.positives)
        if 0 < smaller < self.least:
            rows = math.ceil(self.least * s.n / smaller)
            side = "positive" if s.positives <= s.n - s.positives else "negative"
            return refused(
                s,
                self.unit,
                f"{smaller} {side} row{'s' if smaller > 1 else ''} cannot support it: at least "
                f"{self.least} are needed, about {rows:,} rows at this share",
            )
        found = self.compute(s)
        return msgspec.structs.replace(found, positives=s.positives)


def refused(s: Sample, unit: str, why: str) -> Estimate:
    """No number, and why."""
    return Estimate(value=None, level=s.level, n=s.n, unit=unit, why_not=why, positives=s.positives)


def share(s: Sample, marked: int, rows: int, influence: Callable[[], Floats]) -> Estimate:
    """A share with its Wilson interval; rows that belong together count as fewer.

    Args:
        s: the sample.
        marked: rows that count.
        rows: all rows.
        influence: shape (n,), what each row adds to it; asked only where units are not rows.
    """
    z = NormalDist().inv_cdf(0.5 + s.level / 2)
    effect = 1.0 if s.units.of_row is None else s.units.design_effect(influence())
    low, high = wilson_bounds(marked / rows, rows / effect, z)
    method = "wilson" if s.units.of_row is None else f"wilson by {s.units.kind}"
    return Estimate(
        value=marked / rows, low=low, high=high, level=s.level, n=rows, unit="share", method=method
    )


def resampled(s: Sample, value: float, draws: Floats, unit: str) -> Estimate:
    """A number with the percentile interval of its resamples, widened to hold the number."""
    low, high = quantile_interval(draws, s.level)
    method = "bootstrap" if s.units.of_row is None else f"bootstrap by {s.units.kind}"
    return Estimate(
        value=value, low=min(low, value), high=max(high, value), level=s.level, n=s.n, unit=unit,
        method=method,
    )  # fmt: skip


def t_factor(level: float, freedom: float) -> float:
    """Quantile of Student's t by its expansion in 1/freedom, to 0.001 from 20 on.

    Source: Abramowitz and Stegun 26.7.5.

    >>> round(t_factor(0.95, 49), 3)
    2.01
    """
    z = NormalDist().inv_cdf(0.5 + level / 2)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    return z + first / freedom + second / freedom**2
