"""The threshold three ways: by formula, by data, under the review budget; and what others cost."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from holdfast.evaluation.metrics.sample import Sample
from holdfast.records import Estimate
from holdfast.stats.binned import cut_costs
from holdfast.stats.ranked import Ranked
from holdfast.stats.resampling import quantile_interval

Floats = npt.NDArray[np.float64]


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One threshold.

    Attributes:
        value: rows scoring at or above it are decided positive; None where there is none.
        low, high: 95 % interval of the threshold, where it was found from data.
        alerts: rows decided positive.
        expected_cost: mean cost of a decision with it.
        regret: what a row costs more than with the threshold found by data.
        why_not: why there is none.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    alerts: int | None = None
    expected_cost: float | None = None
    regret: Estimate | None = None
    why_not: str = ""


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """The thresholds that can be argued for.

    Attributes:
        formula: from the costs (Elkan 2001); right only for calibrated scores.
        empirical: the cheapest on these rows. Its own cost is optimistic: it was chosen on them.
        capacity: the lowest that keeps the alerts within the review capacity.
        used: the one the decisions were made with.
        regret_low, regret_high: regret of using either end of the empirical threshold's interval.
    """

    formula: Choice
    empirical: Choice
    capacity: Choice | None
    used: Choice
    regret_low: Estimate | None = None
    regret_high: Estimate | None = None


def cut_value(ranked: Ranked, place: int) -> float:
    """The threshold that decides the first `place` cuts positive: midway to the next one.

    Above the highest score for 0; the lowest score itself for all.
    """
    if place == 0:
        return float(np.nextafter(ranked.cuts[0], np.inf))
    if place == len(ranked.cuts):
        return float(ranked.cuts[-1])
    above, below = float(ranked.cuts[place - 1]), float(ranked.cuts[place])
    middle = below / 2 + above / 2
    return middle if below < middle <= above else above


def place_of(ranked: Ranked, threshold: float) -> int:
    """How many cuts a threshold decides positive."""
    return int(np.searchsorted(-ranked.cuts, -threshold, side="right"))


def capacity_threshold(ranked: Ranked, capacity: float) -> float:
    """The lowest threshold with at most `capacity` rows at or above it; ties stay together.

    >>> capacity_threshold(Ranked(np.array([True, False, True]), np.array([3.0, 2.0, 1.0])), 2)
    1.5
    """
    return cut_value(ranked, int(np.searchsorted(ranked.asked, capacity + 1e-9, side="right")))


def best_threshold(ranked: Ranked, if_positive: Floats, if_negative: Floats) -> float:
    """The cheapest threshold on these rows; the highest of equals."""
    return cut_value(ranked, int(np.argmin(cut_costs(ranked, if_positive, if_negative))))


def thresholds(
    s: Sample, *, used: float, formula: float | None, capacity: float | None
) -> Thresholds:
    """Every threshold with its cost, interval and regret.

    Args:
        s: the sample; resampled as its units say.
        used: the threshold of the decisions (the median where each row has its own).
        formula: from the costs; None where the scores are not probabilities.
        capacity: rows that can be looked at among these; None where nothing limits them.

    The interval of the empirical threshold is the percentile interval of the cheapest cut over
    resamples; it is usually wide. Its points lie on up to 512 bins of score.
    """
    ranked, binned = s.ranked, s.binned
    exact = cut_costs(ranked, s.prices.if_positive, s.prices.if_negative)
    best = int(np.argmin(exact))
    draws = binned.costs()
    ends = np.r_[0, binned.edges + 1]
    values = np.array([cut_value(ranked, int(place)) for place in ends])
    low, high = quantile_interval(values[np.argmin(draws, axis=1)], s.level)
    best_column = _nearest(ends, best)

    def regret(place: int, extra: float = 0.0) -> Estimate:
        value = float(exact[place] - exact[best]) + extra
        against = draws[:, _nearest(ends, place)] - draws[:, best_column]
        bottom, top = quantile_interval(against + extra, s.level)
        return Estimate(
            value=value, low=min(bottom, value), high=max(top, value), level=s.level, n=s.n,
            unit="cost per row", method="bootstrap, paired", positives=s.positives,
        )  # fmt: skip

    def choice(threshold: float) -> Choice:
        place = place_of(ranked, threshold)
        return Choice(
            value=threshold,
            alerts=int(ranked.asked[place - 1]) if place else 0,
            expected_cost=float(exact[place]),
            regret=regret(place),
        )

    value = cut_value(ranked, best)
    low, high = min(low, value), max(high, value)
    empirical = msgspec.structs.replace(choice(value), low=low, high=high)
    decided = int(s.decided.sum())
    own = float(s.prices.of(s.decided).mean())
    by_one = choice(used)
    taken = (
        by_one
        if by_one.alerts == decided and not s.prices.by_row
        else Choice(
            value=used,
            alerts=decided,
            expected_cost=own,
            regret=regret(place_of(ranked, used), own - float(exact[place_of(ranked, used)])),
        )
    )
    return Thresholds(
        formula=Choice(value=None, why_not="the scores are not probabilities between 0 and 1")
        if formula is None
        else choice(formula),
        empirical=empirical,
        capacity=None if capacity is None else choice(capacity_threshold(ranked, capacity)),
        used=taken,
        regret_low=regret(place_of(ranked, low)),
        regret_high=regret(place_of(ranked, high)),
    )


def _nearest(ends: npt.NDArray[np.intp], place: int) -> int:
    return int(np.argmin(np.abs(ends - place)))
