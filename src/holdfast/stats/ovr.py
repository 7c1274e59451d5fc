"""Macro one-versus-rest AUC with an interval that knows which rows belong together."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from holdfast.stats.ranking import _midranks

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


def macro_auc(truth: Ints, score: Floats) -> tuple[float, Floats, int]:
    """Mean over classes of the AUC of one class against the rest.

    Args:
        truth: shape (n,), number of each row's class; numbers beyond the columns are of no class.
        score: shape (n, classes), finite; ties count half.

    Returns:
        The mean over classes that have rows and are not everything (NaN without any), what each
        row adds to it (shape (n,), sums to about 0; the influence of Hanley's structural
        components), and over how many classes it is taken.

    Source: Hand and Till 2001 for one against the rest; DeLong 1988 for the components.

    >>> score = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]])
    >>> auc, influence, classes = macro_auc(np.array([0, 1, 1]), score)
    >>> auc, classes
    (1.0, 2)
    """
    n = len(truth)
    influence = np.zeros(n)
    found = []
    for k in range(score.shape[1]):
        positive = truth == k
        m = int(positive.sum())
        if m in (0, n):
            continue
        column = score[:, k]
        everyone = _midranks(column)
        above = (everyone[positive] - _midranks(column[positive])) / (n - m)
        below = 1.0 - (everyone[~positive] - _midranks(column[~positive])) / m
        auc = float(above.mean())
        influence[positive] += (above - auc) / m
        influence[~positive] += (below - auc) / (n - m)
        found.append(auc)
    if not found:
        return math.nan, influence, 0
    return float(np.mean(found)), influence / len(found), len(found)


def logit_interval(value: float, variance: float, level: float) -> tuple[float, float]:
    """Interval of a share-like number on the logit scale; NaN at 0, 1 or without variance."""
    if not (0.0 < value < 1.0 and variance > 0.0):
        return math.nan, math.nan
    z = NormalDist().inv_cdf((1.0 + level) / 2.0)
    middle = math.log(value / (1.0 - value))
    half = z * math.sqrt(variance) / (value * (1.0 - value))
    return tuple(1.0 / (1.0 + math.exp(-x)) for x in (middle - half, middle + half))  # type: ignore[return-value]
