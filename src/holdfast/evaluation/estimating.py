"""Means and paired gains over what is independent, with intervals or the reason for none."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np
import numpy.typing as npt

from holdfast.evaluation.task_record import Rival, refused
from holdfast.findings import Finding, Severity
from holdfast.records import Estimate
from holdfast.stats.units import by_unit, draws_for, ratio_intervals

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

#: an interval by resampling below so many independent units would be a guess
FEWEST_UNITS = 10


class Sampling:
    """What the rows of an evaluation are: how many are independent, and how to resample them.

    Args:
        of_row: shape (n,), the unit of each row; None when each row is one.
        count: number of units.
        word: ``rows``, ``entities``, ``users``.
        level: coverage of the intervals.
        seed: of the resamples.
    """

    def __init__(
        self, of_row: Ints | None, count: int, word: str, *, level: float, seed: int
    ) -> None:
        self.of_row, self.count, self.word = of_row, count, word
        self.level, self.seed = level, seed

    def mean(self, values: Floats, unit: str, weights: Floats | None = None) -> Estimate:
        """Mean of values, shape (n,), or their weighted mean; whole units are resampled."""
        ones = np.ones(len(values)) if weights is None else weights
        total = float(ones.sum())
        if not total > 0.0:
            return refused("no rows with weight", n=len(values), level=self.level, unit=unit)
        value = float((values * ones).sum() / total)
        return self.of_sums(
            np.stack([values * ones, ones], axis=1),
            lambda t: t[:, :1] / np.where(t[:, 1:] > 0, t[:, 1:], np.nan),
            [value],
            unit,
            n=len(values),
        )[0]

    def of_sums(
        self,
        parts: Floats,
        statistic: object,
        values: list[float],
        unit: str,
        *,
        n: int,
    ) -> list[Estimate]:
        """Estimates of statistics of sums of `parts`, shape (n, k), with bootstrap intervals."""
        if self.count < FEWEST_UNITS:
            return [self.bare(value, unit, n) for value in values]
        sums = by_unit(parts, self.of_row, self.count)
        low, high = ratio_intervals(sums, statistic, level=self.level, seed=self.seed)  # type: ignore[arg-type]
        return [
            self.within(value, a, b, unit, n) for value, a, b in zip(values, low, high, strict=True)
        ]

    def bare(self, value: float, unit: str, n: int) -> Estimate:
        """A number whose interval cannot be supported, and what it would need."""
        return Estimate(
            value=value,
            level=self.level,
            n=n,
            unit=unit,
            why_not=f"no interval: it needs at least {FEWEST_UNITS} independent {self.word}, "
            f"there are {self.count}",
        )

    def within(
        self, value: float, low: float, high: float, unit: str, n: int, method: str = ""
    ) -> Estimate:
        """An estimate with its interval, which always holds the estimate itself."""
        if not (np.isfinite(low) and np.isfinite(high)):
            return self.bare(value, unit, n)
        how = "bootstrap" if self.of_row is None else f"bootstrap of {self.word}"
        return Estimate(
            value=value,
            low=float(min(low, value)),
            high=float(max(high, value)),
            level=self.level,
            n=n,
            unit=unit,
            method=method or how,
        )

    @property
    def draws(self) -> int:
        """Resamples made."""
        return draws_for(self.count)


def rival(
    sampling: Sampling,
    gains: Floats,
    *,
    on: str,
    unit: str,
    metrics: dict[str, float | None],
    meaning: str,
    counts: bool = True,
) -> Rival:
    """A baseline with the paired gain over it.

    Args:
        sampling: how rows are resampled.
        gains: shape (n,), how much better the model is in each row.
        on: the metric that decides.
        unit: of that metric.
        metrics: what the baseline reaches.
        meaning: what it does.
        counts: whether the verdict rests on it.
    """
    return Rival(
        metrics=metrics, on=on, gain=sampling.mean(gains, unit), meaning=meaning, counts=counts
    )


def with_positives(metrics: Mapping[str, Estimate], positives: int) -> dict[str, Estimate]:
    """The estimates with the count beside n that limits them, where they have none of their own."""
    return {
        name: e if e.positives is not None else msgspec.structs.replace(e, positives=positives)
        for name, e in metrics.items()
    }


def rival_findings(baselines: Mapping[str, Rival]) -> list[Finding]:
    """A finding for each baseline the verdict rests on and that is not beaten."""
    out = []
    for name, rival in baselines.items():
        gain = rival.gain
        if not rival.counts or rival.verdict == "better" or gain.value is None:
            continue
        worse = rival.verdict == "worse"
        between = (
            f"interval {gain.low:.4g} to {gain.high:.4g}"
            if gain.low is not None and gain.high is not None
            else gain.why_not
        )
        word = name.replace("_", " ")
        out.append(
            Finding(
                code="HF-E003" if worse else "HF-E002",
                severity=Severity.ERROR if worse else Severity.WARNING,
                sentence=f"{'worse than' if worse else 'no evidence of gain over'} {word} "
                f"({rival.meaning}): gain {gain.value:.4g} in {rival.on.replace('_', ' ')}, "
                f"{between}",
                evidence={
                    "baseline": name, "gain": gain.value, "low": gain.low, "high": gain.high,
                },
                remedy="use the simpler rival" if worse
                else "more labelled rows, or keep the simpler rival",
            )
        )  # fmt: skip
    return out
