"""Points of the charts: ROC, precision and recall, decision curve, profit, score distribution."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from holdfast.evaluation.metrics.sample import Sample
from holdfast.stats.binned import cut_costs

Floats = npt.NDArray[np.float64]
Points = tuple[tuple[float, float], ...]

#: points of a chart, whatever the number of rows
MOST_POINTS = 120
#: groups of the score distribution
GROUPS = 24


class Curves(msgspec.Struct, frozen=True, kw_only=True):
    """Points of the charts, thinned.

    Attributes:
        roc: false positive rate, true positive rate.
        precision_recall: recall, precision.
        net_benefit, treat_all: threshold probability, net benefit of the model and of deciding
            positive every time; deciding negative every time has 0 (Vickers and Elkin 2006).
        profit: share of rows decided positive, highest scores first; what is saved a row against
            deciding negative every time.
        edges: borders of the groups of scores.
        negatives, positives: share of each class in every group.
    """

    roc: Points = ()
    precision_recall: Points = ()
    net_benefit: Points = ()
    treat_all: Points = ()
    profit: Points = ()
    edges: tuple[float, ...] = ()
    negatives: tuple[float, ...] = ()
    positives: tuple[float, ...] = ()


def curves(s: Sample) -> Curves:
    """The points of every chart these rows can draw."""
    ranked, n = s.ranked, s.n
    asked, found = np.r_[0.0, ranked.asked], np.r_[0.0, ranked.found]
    roc: Points = ()
    precision_recall: Points = ()
    benefit: Points = ()
    everyone: Points = ()
    if 0 < s.positives < n:
        false = (asked - found) / (n - s.positives)
        roc = _thin(false, found / s.positives)
        precision_recall = _thin(found[1:] / s.positives, found[1:] / asked[1:])
        if s.probability:
            benefit, everyone = _decision_curve(s)
    saved = -cut_costs(ranked, s.prices.if_positive, s.prices.if_negative)
    edges, negatives, positives = _distribution(s)
    return Curves(
        roc=roc,
        precision_recall=precision_recall,
        net_benefit=benefit,
        treat_all=everyone,
        profit=_thin(asked / n, saved - saved[0]),
        edges=edges,
        negatives=negatives,
        positives=positives,
    )


def net_benefit(s: Sample, limits: Floats) -> Floats:
    """Net benefit at each threshold probability, shape (k,).

    ``tp / n - fp / n * limit / (1 - limit)``. Source: Vickers and Elkin 2006.
    """
    place = np.searchsorted(-s.ranked.cuts, -limits, side="right")
    found, asked = np.r_[0.0, s.ranked.found][place], np.r_[0.0, s.ranked.asked][place]
    return np.asarray((found - (asked - found) * limits / (1.0 - limits)) / s.n)


def _decision_curve(s: Sample) -> tuple[Points, Points]:
    share = s.positives / s.n
    top = float(np.clip(max(3.0 * share, float(np.quantile(s.ranked.cuts, 0.9))), 0.05, 0.95))
    limits = np.linspace(0.0, top, 81)
    model = net_benefit(s, limits)
    every = share - (1.0 - share) * limits / (1.0 - limits)
    shown = every >= -0.25 * max(share, float(model.max()))
    return _points(limits, model), _points(limits[shown], every[shown])


def _distribution(s: Sample) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    low, high = (0.0, 1.0) if s.probability else (float(s.score.min()), float(s.score.max()))
    if s.probability:
        high = max(float(np.quantile(s.score, 0.999)), float(s.score.max()) / 2, 1e-6)
        high = min(1.0, high if high > 0.5 else 1.05 * float(s.score.max()) + 1e-9)
    if not np.isfinite(high - low):
        return (), (), ()
    if high <= low:
        high = low + 1.0
    edges = np.linspace(low, high, GROUPS + 1)
    place = np.clip(np.searchsorted(edges, s.score, side="right") - 1, 0, GROUPS - 1)
    out = []
    for which in (~s.positive, s.positive):
        counts = np.bincount(place[which], minlength=GROUPS)
        out.append(tuple((counts / max(int(which.sum()), 1)).tolist()))
    return tuple(edges.tolist()), out[0], out[1]


def _thin(x: Floats, y: Floats) -> Points:
    """At most `MOST_POINTS` points, evenly along the line drawn in a square."""
    if len(x) > MOST_POINTS:
        wide = float(np.ptp(x)) or 1.0
        tall = float(np.ptp(y)) or 1.0
        way = np.cumsum(np.r_[0.0, np.abs(np.diff(x)) / wide + np.abs(np.diff(y)) / tall])
        kept = np.searchsorted(way, np.linspace(0.0, way[-1], MOST_POINTS))
        kept = np.unique(np.r_[0, np.minimum(kept, len(x) - 1), len(x) - 1])
        x, y = x[kept], y[kept]
    return _points(x, y)


def _points(x: Floats, y: Floats) -> Points:
    return tuple((round(a, 6), round(b, 9)) for a, b in zip(x.tolist(), y.tolist(), strict=True))
