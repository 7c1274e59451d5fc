"""A mean that may be looked at after every row: the asymptotic confidence sequence."""

from __future__ import annotations

import math


def best_mixture(horizon: int, level: float = 0.95) -> float:
    """The mixture scale that makes the sequence tightest near `horizon` rows, per unit variance.

    ``sqrt((-2 ln alpha + ln(-2 ln alpha) + 1) / horizon)``.
    Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, Annals of Statistics 52 (2024), B.2.

    >>> round(best_mixture(10_000), 5)
    0.02963
    """
    alpha = 1.0 - level
    odds = -2.0 * math.log(alpha)
    return math.sqrt((odds + math.log(odds) + 1.0) / horizon)


def sequence_radius(rows: int, sd: float, mixture: float, level: float = 0.95) -> float:
    """Half-width of the confidence sequence of a mean after `rows` rows.

    Args:
        rows: rows seen, >= 1.
        sd: standard deviation of a row, >= 0.
        mixture: scale of the normal mixture per unit variance, > 0 (`best_mixture`).
        level: probability, in (0, 1), that the sequence holds the mean at *all* times at once.

    ``sd sqrt(2 (t m² + 1) / (t² m²) ln(sqrt(t m² + 1) / alpha))``. Exact for normal rows of known
    variance, asymptotic otherwise: do not read it before some dozens of rows that differ.
    Source: as in `best_mixture`, theorem 2.2.

    >>> round(sequence_radius(10_000, 1.0, best_mixture(10_000)), 5)
    0.03035
    """
    scaled = rows * mixture**2
    wide = 2.0 * (scaled + 1.0) / (rows * scaled) * math.log(math.sqrt(scaled + 1.0) / (1 - level))
    return sd * math.sqrt(wide)
