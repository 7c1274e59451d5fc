"""Many tests at once: the false discovery rate of Benjamini and Hochberg."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """Adjusted p-values: reporting those at or below q keeps the false discovery rate at q.

    Args:
        p: p-values of all tests made, in any order; an empty list gives an empty list.

    Where every hypothesis is null, the chance of any report is at most q too. Holds for
    independent tests and for those that depend positively.
    Source: Benjamini and Hochberg, J. R. Stat. Soc. B 57 (1995) 289-300.

    >>> [round(x, 4) for x in benjamini_hochberg([0.01, 0.04, 0.03])]
    [0.03, 0.04, 0.04]
    """
    values = np.asarray(p, dtype=np.float64)
    m = len(values)
    order = np.argsort(-values, kind="stable")
    scaled = values[order] * m / np.arange(m, 0, -1)
    adjusted = np.empty(m)
    adjusted[order] = np.minimum(1.0, np.minimum.accumulate(scaled))
    return [float(x) for x in adjusted]
