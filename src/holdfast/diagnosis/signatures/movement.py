"""How far shares moved, as evidence: learned shares and smooth tilts against the reference's own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from holdfast.diagnosis.signatures.special import log_gamma

FloatArray = NDArray[np.float64]

#: strength of the belief in the reference's shares, in rows; an even mix of the three
BELIEFS = (10.0, 60.0, 400.0)
TILTS = np.concatenate((-np.geomspace(0.1, 2.0, 9)[::-1], np.geomspace(0.1, 2.0, 9)))


def learned(counts: FloatArray, shares: FloatArray) -> float:
    """Log Bayes factor of "the cells have shares of their own" against the reference's shares.

    Dirichlet around the reference's shares, an even mix of three strengths. Positive values speak
    for a change; without one it falls with the number of cells, so that a column of many cells needs
    more to be called changed.

    Args:
        counts: shape (k,), rows by cell.
        shares: shape (k,), positive, summing to 1.

    Example:
        >>> even = np.array([0.5, 0.5])
        >>> bool(learned(np.array([90.0, 10.0]), even) > 25), bool(learned(np.array([50.0, 50]), even) < 0)
        (True, True)
    """
    n = float(counts.sum())
    if n <= 0:
        return 0.0
    belief = np.array(BELIEFS)[:, None]
    prior = belief * shares[None, :]
    made = (log_gamma(prior + counts[None, :]) - log_gamma(prior)).sum(1)
    whole = log_gamma(belief[:, 0] + n) - log_gamma(belief[:, 0])
    gain = made - whole - float(counts @ np.log(shares))
    top = float(gain.max())
    return top + float(np.log(np.exp(gain - top).mean()))


def tilted(counts: FloatArray, shares: FloatArray, direction: FloatArray) -> tuple[float, float]:
    """Best gain of a smooth tilt ``exp(t z)`` of the cells, and its t.

    Args:
        counts, shares: as for `learned`.
        direction: shape (k,), z of each cell; made standard and cut at 2.5 here.

    Returns:
        The gain less the price of choosing t, and t in standard deviations.
    """
    n = float(counts.sum())
    mean = float(shares @ direction)
    spread = float(np.sqrt(shares @ (direction - mean) ** 2))
    if n <= 0 or spread < 1e-9:
        return 0.0, 0.0
    z = np.clip((direction - mean) / spread, -2.5, 2.5)
    normaliser = np.log(np.exp(TILTS[:, None] * z[None, :]) @ shares)
    gain = TILTS * float(counts @ z) - n * normaliser
    best = int(np.argmax(gain))
    return float(gain[best]) - 2.0 - 0.5 * float(np.log1p(n / 30.0)), float(TILTS[best])


def smoothed(shares: FloatArray, rows: int) -> FloatArray:
    """Shares kept away from 0 as half a row would, summing to 1."""
    kept = shares * rows + 0.5
    out: FloatArray = kept / kept.sum()
    return out
