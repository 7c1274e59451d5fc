"""Columns that no longer move together, though each by itself looks as before."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np

from holdfast.comparison.record import Parting
from holdfast.profiles.profile import Profile

#: change of a correlation from which on it matters
FLOOR = 0.1
#: Fisher's z varies more than 1/(n - 3) where tails are heavy; its variance is taken three times
_HEAVY = 3.0
_MANY = 200


def partings(reference: Profile, current: Profile, usual: Collection[str]) -> list[Parting]:
    """Pairs of columns whose correlation changed; `adjusted` holds the p-value of each yet.

    Args:
        reference: profile of the reference.
        current: profile of the current rows.
        usual: columns that look as before: a column that moved has moved against all others.

    Returns:
        One entry for each pair tested; the caller adjusts over all its tests. Correlations are of
        clipped scores, so a few wild values do not make or break one. Nothing below 200 rows.
    """
    names = reference.spec.together
    rows = reference.together.rows, current.together.rows
    if len(names) < 2 or min(rows) < _MANY:
        return []
    old, new = reference.together.correlations(), current.together.correlations()
    noise = math.sqrt(_HEAVY * (1.0 / (rows[0] - 3) + 1.0 / (rows[1] - 3)))
    found = []
    for i, one in enumerate(names):
        for j in range(i + 1, len(names)):
            if one not in usual or names[j] not in usual:
                continue
            a, b = float(old[i, j]), float(new[i, j])
            if math.isnan(a) or math.isnan(b):
                continue
            z = np.arctanh(np.clip([a, b], -0.999, 0.999))
            p = math.erfc(abs(float(z[0] - z[1])) / noise / math.sqrt(2.0))
            p = p if abs(a - b) >= FLOOR else 1.0
            found.append(Parting(columns=(one, names[j]), reference=a, current=b, adjusted=p))
    return found
