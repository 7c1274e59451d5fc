"""How far shares moved, as evidence: learned shares and smooth tilts against the reference's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from holdfast.diagnosis.signatures.special import log_gamma

FloatArray = NDArray[np.float64]

#: strength of the belief in the reference's shares, in rows; an even mix of the three
BELIEFS = (10.0, 60.0, 400.0)
TILTS = np.concatenate((-np.geomspace(0.1, 2.0, 9)[::-1], np.geomspace(0.1, 2.0, 9)))


def learned(counts: FloatArray, shares: FloatArray) -> FloatArray:
    """Log Bayes factors of "the cells have shares of their own" against the reference's shares.

    Dirichlet around the reference's shares, an even mix of three strengths. Positive values speak
    for a change; without one it falls with the number of cells, so that a column of many cells
    needs more to be called changed.

    Args:
        counts: shape (..., k), rows by cell.
        shares: shape (..., k), summing to 1; a cell with share 0 counts for nothing.

    Returns:
        Shape (...).

    Example:
        >>> even = np.array([0.5, 0.5])
        >>> learned(np.array([[90.0, 10.0], [50.0, 50.0]]), even).round(1).tolist()
        [30.5, -0.5]
    """
    here = shares > 0.0
    belief = np.array(BELIEFS)
    base = np.where(here, shares, 1.0)[..., None, :] * belief[:, None]
    heads = np.where(here, counts, 0.0)[..., None, :]
    made = (log_gamma(base + heads) - log_gamma(base)).sum(-1)
    n = np.where(here, counts, 0.0).sum(-1)
    made = made - (log_gamma(belief + n[..., None]) - log_gamma(belief))
    usual = (np.where(here, counts, 0.0) * np.log(np.where(here, shares, 1.0))).sum(-1)
    gain = made - usual[..., None]
    top = gain.max(-1)
    out: FloatArray = top + np.log(np.exp(gain - top[..., None]).mean(-1))
    return out


def tilted(
    counts: FloatArray, shares: FloatArray, direction: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Best gain of a smooth tilt ``exp(t z)`` of the cells, and its t.

    Args:
        counts: shape (..., k), rows by cell.
        shares: shape (..., k), summing to 1.
        direction: shape (..., k), z of each cell; made standard and cut at 2.5 here.

    Returns:
        The gain less the price of choosing t, and t in standard deviations; shape (...). A
        direction that does not vary gains 0.
    """
    n = counts.sum(-1)
    mean = (shares * direction).sum(-1, keepdims=True)
    spread = np.sqrt((shares * (direction - mean) ** 2).sum(-1, keepdims=True))
    z = np.clip((direction - mean) / np.maximum(spread, 1e-9), -2.5, 2.5)
    normaliser = np.log((np.exp(TILTS[:, None] * z[..., None, :]) * shares[..., None, :]).sum(-1))
    gain = TILTS * (counts * z).sum(-1)[..., None] - n[..., None] * normaliser
    best = gain.argmax(-1)
    top = np.take_along_axis(gain, best[..., None], -1)[..., 0]
    paid = top - 2.0 - 0.5 * np.log1p(n / 30.0)
    return np.where(spread[..., 0] < 1e-9, 0.0, paid), TILTS[best]


def grown(counts: FloatArray, shares: FloatArray) -> FloatArray:
    """Best gain of "one cell came more or less often, the others in proportion", choices paid for.

    The odds of the cell are multiplied; the larger the factor, the less likely before looking (its
    logarithm is normal with variance 1). Arguments as for `learned`.

    >>> grown(np.array([50.0, 25.0, 25.0]), np.array([0.2, 0.4, 0.4])).round(1).tolist()
    19.0
    """
    here = (shares > 0.0) & (shares < 1.0)
    p = np.where(here, shares, 0.5)
    n = np.where(shares > 0.0, counts, 0.0).sum(-1, keepdims=True)
    q = np.clip(np.where(here, counts, 0.0) / np.maximum(n, 1.0), 1e-6, 1.0 - 1e-6)
    log_odds = np.log(q / (1.0 - q)) - np.log(p / (1.0 - p))
    gain = n * (q * np.log(q / p) + (1.0 - q) * np.log((1.0 - q) / (1.0 - p)))
    paid = gain - 0.5 * log_odds**2 - 0.5 * np.log1p(n / 30.0) - 0.5
    paid = np.where(here & (counts > 0.0), paid, -np.inf)
    out: FloatArray = paid.max(-1) - np.log(np.maximum(here.sum(-1), 1))
    return out


def smoothed(shares: FloatArray, rows: int) -> FloatArray:
    """Shares kept away from 0 as half a row would, summing to 1."""
    kept = shares * rows + 0.5
    out: FloatArray = kept / kept.sum()
    return out
