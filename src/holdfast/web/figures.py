"""From columns of the prediction log to what a page draws: shares by bin, shares over time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from holdfast.stats.intervals import wilson

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

#: bins between the two tails
BINS = 32
#: categories that get a bar of their own
MOST_BARS = 12
#: buckets of a line over time
BUCKETS = 48


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of a feature's normal distribution.

    Attributes:
        rows: rows behind it.
        sample: numbers in ascending order, for numeric features.
        shares: category → share of the rows with a value, for the others.
        missing: share of rows without a value, or None when not known.
    """

    rows: int
    sample: tuple[float, ...] | None = None
    shares: dict[str, float] | None = None
    missing: float | None = None


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """A share in one stretch of time; None where it has no row.

    Attributes:
        at: its middle, microseconds since 1970 (UTC).
        rows: rows in it.
        share: of them, those that are hit.
        low, high: Wilson interval at 95%.
    """

    at: int
    rows: int
    share: float | None = None
    low: float | None = None
    high: float | None = None


class Bars(msgspec.Struct, frozen=True, kw_only=True):
    """A feature's distribution now and, where it is remembered, in the reference.

    Attributes:
        edges: for numbers, the bounds of the inner bins; empty for categories.
        names: for categories, what each bar stands for; empty for numbers.
        current: shares now: below, bins, above; or one a category.
        reference: the same in the reference, or None.
        rows: rows with a value now.
    """

    edges: tuple[float, ...] = ()
    names: tuple[str, ...] = ()
    current: tuple[float, ...]
    reference: tuple[float, ...] | None = None
    rows: int


def over_time(at: IntArray, hit: BoolArray, buckets: int = BUCKETS) -> list[Bucket]:
    """Shares in equal stretches of time from the first row to the last.

    Args:
        at: shape (n,), event times in microseconds, in any order.
        hit: shape (n,).
        buckets: how many stretches, 1 or more; one when all rows have the same time.

    Example:
        >>> [b.share for b in over_time(np.array([0, 1, 9]), np.array([True, False, True]), 2)]
        [0.5, 1.0]
        >>> over_time(np.empty(0, np.int64), np.empty(0, bool))
        []
    """
    if not len(at):
        return []
    first, last = int(at.min()), int(at.max())
    count = buckets if last > first else 1
    width = (last - first) / count
    place = np.zeros(len(at), np.int64)
    if width:
        place = np.minimum(((at - first) / width).astype(np.int64), count - 1)
    rows = np.bincount(place, minlength=count)
    hits = np.bincount(place[hit], minlength=count)
    found = []
    for i in range(count):
        middle = int(first + (i + 0.5) * width)
        n = int(rows[i])
        if not n:
            found.append(Bucket(at=middle, rows=0))
            continue
        e = wilson(int(hits[i]), n)
        found.append(Bucket(at=middle, rows=n, share=e.value, low=e.low, high=e.high))
    return found


def number_bars(
    values: FloatArray,
    shape: Shape | None,
    limits: tuple[float | None, float | None] = (None, None),
    bins: int = BINS,
) -> Bars | None:
    """Numbers by bin, the bins laid by the reference where there is one.

    The inner bins are of one width (where all values are whole, each holds as many of those), from
    the 1% to the 99% quantile of the reference's sample; without a sample from `limits`, and where
    there are none, of the values themselves. Values outside are counted in the two tails.

    Args:
        values: shape (n,), the values now; NaN and infinities are left out.
        shape: what is remembered.
        limits: the range that the contract allows.
        bins: inner bins.

    Returns:
        None when there is no finite value.
    """
    finite = values[np.isfinite(values)]
    if not len(finite):
        return None
    sample = None
    if shape is not None and shape.sample:
        sample = np.asarray(shape.sample, np.float64)
    basis = sample if sample is not None else finite
    low, high = (float(x) for x in np.quantile(basis, [0.01, 0.99]))
    if sample is None:
        low = low if limits[0] is None else limits[0]
        high = high if limits[1] is None else limits[1]
    if not (math.isfinite(low) and math.isfinite(high)):
        return None
    edges = _edges(low, high, bins, whole=bool((finite == np.round(finite)).all()))
    return Bars(
        edges=tuple(edges.tolist()),
        current=_by_bin(finite, edges),
        reference=None if sample is None else _by_bin(sample, edges),
        rows=len(finite),
    )


def _edges(low: float, high: float, bins: int, *, whole: bool) -> FloatArray:
    """Bounds of bins of one width; where all values are whole, each holds as many of those."""
    if whole and high - low < 1e15:
        first, last = math.floor(low), math.ceil(high)
        step = max(1, math.ceil((last - first + 1) / bins))
        return np.arange(first, last + step + 1, step, dtype=np.float64)[: bins + 2] - 0.5
    if high <= low:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, bins + 1)


def _by_bin(values: FloatArray, edges: FloatArray) -> tuple[float, ...]:
    """Shares below the edges, in each bin, and above; a value on the last edge is inside."""
    below = int((values < edges[0]).sum())
    above = int((values > edges[-1]).sum())
    inner, _ = np.histogram(values, edges)
    return tuple((np.array([below, *inner, above]) / len(values)).tolist())


def category_bars(
    values: Sequence[str],
    shape: Shape | None,
    known: Sequence[str] = (),
    *,
    shown: bool = True,
) -> Bars | None:
    """Categories by share: the reference's most frequent ones, the rest together, the unseen.

    Args:
        values: the values now, missing ones left out.
        shape: what is remembered.
        known: categories that the contract allows.
        shown: whether categories may be named; else they are numbered.

    Returns:
        None when there is no value.
    """
    if not values:
        return None
    counted: dict[str, int] = {}
    for value in values:
        counted[value] = counted.get(value, 0) + 1
    usual: Mapping[str, float] | None = None if shape is None else shape.shares
    expected = set(usual or ()) | set(known)
    ranked = sorted(
        expected or set(counted),
        key=lambda name: (-(usual or {}).get(name, 0.0), -counted.get(name, 0), name),
    )
    heads, rest = ranked[:MOST_BARS], ranked[MOST_BARS:]
    groups: list[tuple[str, list[str]]] = [
        (name if shown else f"category {i + 1}", [name]) for i, name in enumerate(heads)
    ]
    if rest:
        groups.append((f"{len(rest):,} more", rest))
    if expected:
        groups.append(("not seen before", [name for name in counted if name not in expected]))
    total = len(values)
    return Bars(
        names=tuple(label for label, _ in groups),
        current=tuple(sum(counted.get(n, 0) for n in names) / total for _, names in groups),
        reference=None
        if usual is None
        else tuple(sum(usual.get(n, 0.0) for n in names) for _, names in groups),
        rows=total,
    )


def shape_of(kept: Any) -> Shape | None:
    """A remembered distribution from a record or mapping with the fields of `Shape`.

    >>> shape_of({"rows": 3, "sample": [1, 2, 2]}).sample
    (1.0, 2.0, 2.0)
    >>> shape_of(None) is None
    True
    """
    if kept is None:
        return None
    plain = dict(kept) if isinstance(kept, Mapping) else msgspec.structs.asdict(kept)
    sample, shares, missing = (plain.get(name) for name in ("sample", "shares", "missing"))
    return Shape(
        rows=int(plain.get("rows") or 0),
        sample=None if sample is None else tuple(sorted(float(x) for x in sample)),
        shares=None if shares is None else {str(k): float(v) for k, v in shares.items()},
        missing=None if missing is None else float(missing),
    )
