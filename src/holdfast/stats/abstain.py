"""Risk against coverage: what a classifier gets wrong when it may leave the unsure rows out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from holdfast.stats.intervals import clopper_pearson

Floats = npt.NDArray[np.float64]

#: coverages at which a bound is asked for
GRID = 20


def risk_coverage(loss: Floats, confidence: Floats) -> tuple[Floats, Floats, Floats]:
    """The curve over all cut-offs; rows of equal confidence are taken together.

    Args:
        loss: shape (n,), of each row, 0 or 1 (or any finite loss).
        confidence: shape (n,), finite; the surest rows are answered first.

    Returns:
        Coverage, mean loss of the answered rows, cut-off (answer from this confidence on); in
        order of growing coverage, shape (m,) each with m <= n.

    Source: El-Yaniv and Wiener 2010; Geifman and El-Yaniv 2017.

    >>> coverage, risk, cut = risk_coverage(np.array([1.0, 0, 0]), np.array([0.2, 0.9, 0.6]))
    >>> coverage.round(2).tolist(), risk.round(2).tolist()
    ([0.33, 0.67, 1.0], [0.0, 0.0, 0.33])
    """
    order = np.argsort(-confidence, kind="stable")
    c, v = confidence[order], loss[order]
    last = np.r_[c[1:] != c[:-1], True]
    answered = np.flatnonzero(last) + 1
    return answered / len(c), np.cumsum(v)[last] / answered, c[last]


def area(coverage: Floats, risk: Floats) -> float:
    """Area under the risk-coverage curve: mean risk over coverages, steps as wide as their rows.

    >>> area(np.array([0.5, 1.0]), np.array([0.0, 0.5]))
    0.25
    """
    return float((np.diff(np.r_[0.0, coverage]) * risk).sum())


def safe_coverage(
    loss: Floats, confidence: Floats, *, risk: float, level: float = 0.95
) -> tuple[float, float, float] | None:
    """The largest coverage whose error is at most `risk`, held at once over a grid of coverages.

    Args:
        loss: shape (n,), 0 or 1.
        confidence: shape (n,), finite.
        risk: error that is wanted, in (0, 1).
        level: one-sided level of the bound over the whole grid (Bonferroni).

    Returns:
        (cut-off, coverage, upper bound of the error), or None where no grid point can promise it.

    Source: Geifman and El-Yaniv 2017 (selection with guaranteed risk), exact binomial bounds.
    """
    coverage, _, cut = risk_coverage(loss, confidence)
    n = len(loss)
    wanted = np.arange(GRID, 0, -1) / GRID
    two_sided = 1.0 - 2.0 * (1.0 - level) / GRID
    errors = np.cumsum(loss[np.argsort(-confidence, kind="stable")])
    for share in wanted:
        at = int(np.searchsorted(coverage, share - 1e-12))
        if at >= len(coverage):
            continue
        rows = round(float(coverage[at]) * n)
        if errors[rows - 1] > risk * rows:
            continue
        bound = clopper_pearson(int(errors[rows - 1]), rows, two_sided).high
        if bound is not None and bound <= risk:
            return float(cut[at]), float(coverage[at]), bound
    return None
