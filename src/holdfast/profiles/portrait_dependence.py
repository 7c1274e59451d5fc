"""What the other columns say about a column: ridge on ranks, and a table of likelihood ratios.

Every column becomes a few *features* of its own: a number the first three Legendre polynomials of
its mid-rank in the reference, a category indicators of its most frequent values; nulls one more.
For each column its *level* (the rank, or for categories the direction in which the other columns
differ most between them) is regressed on the features of all the others. What is kept is the
coefficients and a table::

    table[level bin, prediction bin] = log P(level, prediction) / (P(level) P(prediction))

so that `table` says for a row how much more likely its value is beside the values it came with
than in any row: the log-likelihood ratio of "this value belongs to this row". Estimated out of
fold. Its sum over rows falls when a column is served from other rows, whatever its own shares do.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: bins of the level and of the prediction
LEVELS = 10
#: penalty, in rows
RIDGE = 20.0
#: penalty of the correction of the model's bias: a prior spread of 0.1 per feature
BIAS_RIDGE = 100.0
#: largest log-likelihood ratio of one row
MOST = 4.0


class Fit(NamedTuple):
    """One column explained by the others: coefficients per feature (0 for its own), and fit."""

    weights: FloatArray
    intercept: float
    r2: float
    held_out: FloatArray


def rank_features(ranks: FloatArray, present: NDArray[np.bool_]) -> FloatArray:
    """Shape (n, 3): Legendre polynomials of mid-ranks in (0, 1), mean 0 and variance 1; 0 if null.

    >>> rank_features(np.array([0.5, 1.0]), np.array([True, True])).round(3).tolist()
    [[0.0, -1.118, -0.0], [1.732, 2.236, 2.646]]
    """
    v = np.where(present, 2.0 * ranks - 1.0, 0.0)
    square = v * v
    out = np.empty((len(v), 3))
    out[:, 0] = np.sqrt(3.0) * v
    out[:, 1] = np.sqrt(5.0) * 0.5 * (3.0 * square - 1.0)
    out[:, 2] = np.sqrt(7.0) * 0.5 * v * (5.0 * square - 3.0)
    out[~present] = 0.0
    return out


def indicator_features(codes: IntArray, shares: FloatArray) -> FloatArray:
    """Shape (n, k): standardised indicators of codes 0..k-1 with these shares, cut at 6."""
    spread = np.sqrt(shares * (1.0 - shares))
    on = np.minimum((1.0 - shares) / spread, 6.0)
    off = -shares / spread
    hit = codes[:, None] == np.arange(len(shares))[None, :]
    return np.where(hit, on[None, :], off[None, :])


def solve_all(
    features: FloatArray,
    blocks: list[slice],
    levels: list[FloatArray],
    folds: IntArray,
    learned: list[bool],
) -> list[Fit]:
    """Each level on the features of the other blocks, ridge; predictions held out over two folds.

    Where the level itself was learned, from fold 0, only fold 1 is held out: the other predictions
    are NaN and do not count in r2.

    Args:
        features: shape (n, F), about mean 0 and variance 1.
        blocks: by column, its own features.
        levels: by column, shape (n,), NaN where there is none.
        folds: shape (n,), 0 or 1.
        learned: by column, whether its level was learned from fold 0.
    """
    whole = _Gram(features)
    halves = [_Gram(features[folds == k]) for k in (0, 1)]
    out = []
    for block, level, seen in zip(blocks, levels, learned, strict=True):
        known = ~np.isnan(level)
        mean = float(level[known].mean()) if known.any() else 0.0
        target = np.where(known, level - mean, 0.0)
        spread = float(target[known].var()) if known.any() else 0.0
        weights = whole.without(block, features.T @ target)
        held_out = np.full(len(level), np.nan)
        for k in (1,) if seen else (0, 1):
            here = folds == k
            half = halves[1 - k].without(block, features[~here].T @ target[~here])
            held_out[here] = features[here] @ half
        asked = known & np.isfinite(held_out)
        error = float(((target - held_out)[asked] ** 2).mean()) if asked.any() else spread
        r2 = max(0.0, 1.0 - error / spread) if spread > 1e-12 else 0.0
        out.append(Fit(weights, mean, r2, held_out + mean))
    return out


class _Gram:
    """The inverse of X'X + ridge, from which a block of features can be left out."""

    def __init__(self, features: FloatArray) -> None:
        size = features.shape[1]
        self.inverse = np.linalg.inv(features.T @ features + RIDGE * np.eye(size))

    def without(self, block: slice, product: FloatArray) -> FloatArray:
        """Ridge coefficients when the features of `block` are not there (zeros in their place)."""
        product = product.copy()
        product[block] = 0.0
        weights = self.inverse @ product
        if block.stop > block.start:
            corner = self.inverse[block, block]
            weights -= self.inverse[:, block] @ np.linalg.solve(corner, weights[block])
            weights[block] = 0.0
        return weights


def correction(features: FloatArray, rate: FloatArray, label: FloatArray) -> FloatArray:
    """What the features add to the log-odds of a rate to explain labels: ridge-logistic, an offset.

    Args:
        features: shape (n, F).
        rate: shape (n,), in (0, 1), NaN where unknown.
        label: shape (n,), 0, 1 or NaN.

    Returns:
        Shape (F,); zeros with fewer than 200 labelled rows.
    """
    rows = np.flatnonzero(np.isfinite(rate) & np.isfinite(label))
    size = features.shape[1]
    weights = np.zeros(size)
    if len(rows) < 200:
        return weights
    x, y = features[rows], label[rows]
    offset = np.log(rate[rows] / (1.0 - rate[rows]))
    for _ in range(3):
        p = 1.0 / (1.0 + np.exp(-(offset + x @ weights)))
        spread = np.maximum(p * (1.0 - p), 1e-3)
        hessian = (x * spread[:, None]).T @ x + BIAS_RIDGE * np.eye(size)
        weights = weights + np.linalg.solve(hessian, x.T @ (y - p) - BIAS_RIDGE * weights)
    return weights


def category_levels(
    codes: IntArray, categories: int, features: FloatArray, block: slice
) -> FloatArray:
    """A number per category, mean 0 and variance 1: where the other columns differ most.

    The first left singular vector of the (share-weighted) means of the other columns' features by
    category, means of few rows shrunk to 0. All 0 where the other columns say nothing.
    """
    if not features.shape[1]:
        return np.zeros(categories)
    others = features.copy()
    others[:, block] = 0.0
    counts = np.bincount(codes[codes >= 0], minlength=categories).astype(np.float64)
    sums = np.zeros((categories, features.shape[1]))
    known = codes >= 0
    np.add.at(sums, codes[known], others[known])
    means = sums / (counts + 20.0)[:, None]
    weighted = means * np.sqrt(counts / max(1.0, counts.sum()))[:, None]
    _, vectors = np.linalg.eigh(weighted.T @ weighted)
    level = means @ vectors[:, -1]
    centre = float(counts @ level) / max(1.0, counts.sum())
    spread = float(np.sqrt(counts @ (level - centre) ** 2 / max(1.0, counts.sum())))
    return (level - centre) / spread if spread > 1e-9 else np.zeros(categories)


def cuts(values: FloatArray, bins: int) -> FloatArray:
    """Inner quantile cuts, each once; bin of x is `searchsorted(cuts, x, side="right")`."""
    if not len(values):
        return np.empty(0)
    return np.unique(np.quantile(values, np.arange(1, bins) / bins))


def ratio_table(rows: IntArray, columns: IntArray, shape: tuple[int, int]) -> FloatArray:
    """Log P(row, column) / (P(row) P(column)) of two codes, smoothed, within +-`MOST`.

    Smoothed with two rows' worth of independence per cell, so that what was never seen is
    unlikely but not impossible.
    """
    joint = np.zeros(shape)
    np.add.at(joint, (rows, columns), 1.0)
    n = max(joint.sum(), 1.0)
    p_row = (joint.sum(1) + 0.5) / (n + 0.5 * shape[0])
    p_column = (joint.sum(0) + 0.5) / (n + 0.5 * shape[1])
    apart = np.outer(p_row, p_column)
    weight = 2.0 * joint.size
    ratio = (joint + weight * apart) / (n + weight) / apart
    return np.asarray(np.clip(np.log(ratio), -MOST, MOST))
