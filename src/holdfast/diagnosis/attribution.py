"""Do the affected rows share an origin? Their share by source against that of all rows."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from holdfast.diagnosis.evidence import Sample, Spot
from holdfast.frames.values import ValueKind

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
    luck: float = LUCK,
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
        luck: chance allowed; smaller where many dimensions are asked.

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
    named = values == 1 or _beyond_chance(of_affected, of_traffic, count, luck)
    return Spot(
        dimension=dimension,
        value=names[top] if named else "",
        of_affected=of_affected,
        of_traffic=of_traffic,
        within=float(guilty[top]) / max(int(later[top]), 1),
        rows=int(later[top]),
        values=values,
    )


def _beyond_chance(of_affected: float, of_traffic: float, count: int, luck: float) -> bool:
    if of_affected >= ALL:
        return of_traffic < ALL and count * math.log(of_traffic) < math.log(luck)
    spread = math.sqrt(of_traffic * (1.0 - of_traffic) / count)
    return of_affected - of_traffic > max(5.0 * spread, 0.2)


def segment(
    now: Sample,
    weight: NDArray[np.float64] | None,
    start: int,
    guilty: tuple[str, ...],
) -> Spot | None:
    """The origin or category that the affected rows share, among all dimensions of a sample.

    Origins come before columns; of those beyond chance (0.001 over all dimensions and their
    values together) the one that holds most of the affected rows and least of the others wins.

    Args:
        now: the rows since the change point.
        weight: shape (n,), probability that each row is affected; None for "all".
        start: first row of the fault.
        guilty: features at fault, which cannot be segments themselves.

    Returns:
        None without affected rows or when all rows are; a spot without value when the affected
        rows spread over the first origin like the traffic.
    """
    if weight is None or not len(weight):
        return None
    affected = weight > 0.5
    since = np.arange(len(weight)) >= start
    if not affected.any() or affected[since].mean() > 0.98:
        return None
    dimensions = [(name, codes, list(values)) for name, (codes, values) in now.origins.items()]
    origins = len(dimensions)
    for name, column in now.columns.items():
        if column.kind is ValueKind.CATEGORY and name not in guilty and len(column.names) <= 500:
            dimensions.append((name, column.codes, column.names))
    asked = max(1, sum(len(values) for _, _, values in dimensions))
    best: Spot | None = None
    first: Spot | None = None
    for i, (name, codes, values) in enumerate(dimensions):
        spot = attribute(name, codes[start:], affected[start:], since[start:], values, LUCK / asked)
        if spot is None or (spot.values == 1 and i >= origins):
            continue
        if i < origins and first is None:
            first = spot
        if spot.value and (best is None or _purity(spot) > _purity(best) + 1e-9):
            best = spot
    return best or first


def _purity(spot: Spot) -> float:
    """How well "is this value" tells affected rows from the rest: what both have in common."""
    missed, extra = 1.0 - spot.of_affected, 1.0 - min(1.0, spot.within)
    return -(missed + extra)
