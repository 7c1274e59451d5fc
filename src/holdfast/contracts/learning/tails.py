"""How far beyond the values seen a fresh clean value may lie: honest margins for ranges."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

#: the bound is set where one value in ``BEYOND * rows`` fresh ones is expected to lie outside
BEYOND = 10.0
_HEAVY = 1.2
_MAX_EXPONENT = 1.0
_LARGEST = 1.7e308


def bounds(ordered: npt.NDArray[Any]) -> tuple[Any, Any]:
    """Lower and upper bound for fresh values, from sorted finite numbers.

    Values that are never negative get no negative bound, and shares in [0, 1] stay there.
    Integers give integer bounds, exact above 2^53.

    Example:
        >>> import numpy as np
        >>> bounds(np.sort(np.random.default_rng(0).uniform(0, 1, 1000)))
        (0.0, 1.0)
        >>> bounds(np.repeat([1, 2, 3, 4, 5], 50))
        (1, 5)
    """
    count = tail_size(len(ordered))
    return tail_bounds(ordered[: count + 1], ordered[-count - 1 :])


def tail_bounds(bottom: npt.NDArray[Any], top: npt.NDArray[Any]) -> tuple[Any, Any]:
    """`bounds` from the sorted ``tail_size + 1`` smallest and largest values alone."""
    smallest, largest = bottom[0].item(), top[-1].item()
    floats = bottom.dtype.kind == "f"
    if not floats:  # Python integers: no overflow, no rounding
        bottom, top = bottom.astype(object), top.astype(object)
    low, high = -upper_bound(-bottom[::-1]), upper_bound(top)
    zero = type(smallest)(0)
    if smallest >= 0:
        low = max(low, zero)
    if largest <= 0:
        high = min(high, zero)
    if floats and smallest >= 0 and 0.5 < largest <= 1:
        high = min(high, 1.0)
    return low, high


def tail_size(rows: int) -> int:
    """How many extreme values speak for a tail: min(100, max(5, sqrt(rows))), at most rows - 1.

    >>> tail_size(10_000), tail_size(4)
    (100, 3)
    """
    return min(100, max(5, math.isqrt(rows)), rows - 1)


def upper_bound(tail: npt.NDArray[Any]) -> Any:
    """A bound above the last of the k+1 largest values (ascending), by extrapolating the tail.

    The k largest exceed the first by e_1..e_k. Where the coefficient of variation of the excesses
    is at most 1.2 the tail is taken as exponential: the maximum plus ``log(10)`` times their
    mean. Where it is larger, as a power law with Hill's exponent g, the maximum times ``10**g``
    (g at most 1). Ties at the top, the sign of a natural limit, give no margin.

    Source: Hill, Ann. Stat. 3 (1975) 1163; Pickands, Ann. Stat. 3 (1975) 119.

    Example:
        >>> import numpy as np
        >>> upper_bound(np.array([5, 5, 5, 5, 5, 5]))
        5
    """
    largest, start = tail[-1], tail[0]
    if largest == start or len(tail) < 2:
        return _plain(largest)
    over = np.array([float(value - start) for value in tail[1:]])
    if not np.isfinite(over).all():  # the span itself overflows
        return _LARGEST
    unit = float(over.max())
    over /= unit
    mean = float(over.mean()) * unit
    heavy = float(over.std()) > _HEAVY * float(over.mean())
    if heavy and start > 0:
        logs = np.log1p(over * (unit / float(start)))
        exponent = min(_MAX_EXPONENT, float(logs.mean()))
        margin = float(largest) * (BEYOND**exponent - 1)
    else:
        margin = math.log(BEYOND) * mean * (2.0 if heavy else 1.0)
    if not math.isfinite(margin):
        return _LARGEST
    if isinstance(largest, int):
        return largest + math.ceil(margin)
    return _outward(float(largest), margin)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _outward(largest: float, margin: float) -> float:
    """``largest + margin`` rounded up to about three digits of the margin."""
    bound = largest + margin
    if not math.isfinite(bound):
        return math.copysign(_LARGEST, bound)
    digits = 2 - math.floor(math.log10(margin)) if margin > 0 else 99
    if not -300 < digits < 15 or abs(bound) * 10.0**digits > 2**53:
        return bound
    rounded = round(math.ceil(bound * 10.0**digits) / 10.0**digits, max(digits, 0))
    return rounded if rounded >= bound else bound
