"""Do the affected rows share an origin? Their share by source against that of all rows."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from holdfast.diagnosis.evidence import Spot

#: a value "has" the fault when it holds this share of the affected rows
ALL = 0.95
#: chance of seeing so many affected rows from one value by luck, at most
LUCK = 0.001


def attribute(
    dimension: str,
    codes: NDArray[np.int64],
    affected: NDArray[np.bool_],
    since: NDArray[np.bool_],
    names: list[str],
) -> Spot | None:
    """The one value of a dimension that the affected rows come from, if there is one.

    A value is named when affected rows carry it beyond chance (its traffic share to the power of
    the affected rows is below 0.001, or, for partial concentration, five standard errors), or when
    it is the only value there is.

    Args:
        dimension: name of the dimension, for example ``source``.
        codes: shape (n,), index into `names` of each recent row, -1 for none.
        affected: shape (n,), whether the row is affected.
        since: shape (n,), whether the row came at or after the onset.
        names: the values.

    Returns:
        None without affected rows or without any known value.

    Example:
        >>> codes = np.array([0, 1] * 50)
        >>> since = np.arange(100) >= 40
        >>> spot = attribute("source", codes, since & (codes == 1), since, ["web", "app-ios"])
        >>> spot.value, spot.of_affected, spot.of_traffic, spot.within
        ('app-ios', 1.0, 0.5, 1.0)
    """
    known = codes >= 0
    hit = codes[affected & known]
    if not len(hit):
        return None
    size = len(names)
    traffic = np.bincount(codes[known], minlength=size)
    guilty = np.bincount(hit, minlength=size)
    later = np.bincount(codes[since & known], minlength=size)
    values = int((traffic > 0).sum())
    top = int(np.argmax(guilty))
    count = len(hit)
    of_affected = float(guilty[top]) / count
    of_traffic = float(traffic[top]) / int(known.sum())
    named = values == 1 or _beyond_chance(of_affected, of_traffic, count)
    return Spot(
        dimension=dimension,
        value=names[top] if named else "",
        of_affected=of_affected,
        of_traffic=of_traffic,
        within=float(guilty[top]) / max(int(later[top]), 1),
        rows=int(later[top]),
        values=values,
    )


def _beyond_chance(of_affected: float, of_traffic: float, count: int) -> bool:
    if of_affected >= ALL:
        return of_traffic < ALL and count * math.log(of_traffic) < math.log(LUCK)
    spread = math.sqrt(of_traffic * (1.0 - of_traffic) / count)
    return of_affected - of_traffic > max(5.0 * spread, 0.2)
