"""Rows and summed loss of every slice of one and of two codes, by counting."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

_DRAWS, _BATCH, _ENOUGH = 20_000, 2_000, 60


def single_counts(codes: Codes, levels: int, loss: Floats) -> tuple[Floats, Floats]:
    """Rows and summed loss of each code, both shape (levels,).

    >>> single_counts(np.array([0, 1, 1]), 2, np.array([1.0, 0.0, 1.0]))
    (array([1., 2.]), array([1., 1.]))
    """
    rows = np.bincount(codes, minlength=levels).astype(np.float64)
    return rows, np.bincount(codes, weights=loss, minlength=levels).astype(np.float64)


def pair_counts(
    left: Codes, right: Codes, levels: tuple[int, int], loss: Floats
) -> tuple[Floats, Floats]:
    """Rows and summed loss of each pair of codes, both shape `levels`: one pass, no model.

    Source: Sagadeeva and Boehm, SliceLine, SIGMOD 2021 (there as a sparse matrix product).

    >>> rows, total = pair_counts(np.array([0, 1]), np.array([1, 1]), (2, 2), np.array([1.0, 3.0]))
    >>> rows.tolist(), total.tolist()
    ([[0.0, 1.0], [0.0, 1.0]], [[0.0, 1.0], [0.0, 3.0]])
    """
    joint = left * levels[1] + right
    rows, total = single_counts(joint, levels[0] * levels[1], loss)
    return rows.reshape(levels), total.reshape(levels)


def excess_z(rows: Floats, total: Floats, n: int, whole: float, variance: float) -> Floats:
    """How far the mean loss of slices lies above that of the other rows, in standard errors.

    Args:
        rows: any shape, rows of each slice.
        total: same shape, their summed loss.
        n: all rows.
        whole: their summed loss.
        variance: variance of the loss over all rows.

    Slices without rows, or of all rows, get minus infinity, and so does everything where the loss
    does not vary.

    >>> round(float(excess_z(np.array(25.0), np.array(10.0), 100, 20.0, 0.16)), 3)
    2.887
    """
    usable = (rows > 0) & (rows < n) & (variance > 0)
    inside = np.where(usable, rows, 1.0)
    outside = np.where(usable, n - rows, 1.0)
    gap = total / inside - (whole - total) / outside
    error = math.sqrt(max(variance, 0.0)) * np.sqrt(1.0 / inside + 1.0 / outside)
    return np.where(usable, gap / np.where(usable, error, 1.0), -np.inf)


def random_group_p(loss: Floats, rows: int, mean: float, *, seed: int = 0) -> float:
    """P(a random group of so many rows has at least this mean loss), by drawing groups.

    Args:
        loss: shape (n,), finite: all rows, those of the group among them.
        rows: size of the group, 1 <= rows < n.
        mean: mean loss of the group.
        seed: of the draws.

    Rows are drawn with replacement and the mean's distance from the whole is shrunk by
    sqrt(1 - rows / n), so that its variance is that of a draw without. Batches of 2,000 groups up
    to 20,000, or until 60 reach the mean; never below 1 / 20,001. Right where a few huge losses
    make the distribution of the mean lumpy, which no expansion follows.

    >>> random_group_p(np.r_[np.zeros(99), 1.0], 10, 0.1) < 0.2
    True
    """
    rng = np.random.default_rng(seed)
    n, whole = len(loss), float(loss.mean())
    shrink = math.sqrt(1.0 - rows / n)
    wanted = (mean - whole) / shrink * (1.0 - 1e-12)
    beaten = drawn = 0
    while drawn < _DRAWS and beaten < _ENOUGH:
        means = loss[rng.integers(0, n, (_BATCH, rows))].mean(axis=1) - whole
        beaten += int((means >= wanted).sum())
        drawn += _BATCH
    return (1 + beaten) / (1 + drawn)


def log_normal_tail(z: float) -> float:
    """Logarithm of P(Z >= z) of a standard normal, right in the far tail too.

    >>> round(log_normal_tail(0.0), 4), round(log_normal_tail(40.0), 3)
    (-0.6931, -804.608)
    """
    from scipy.special import log_ndtr

    return float(log_ndtr(-z))
