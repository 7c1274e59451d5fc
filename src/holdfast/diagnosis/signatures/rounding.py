"""What rounding the reference would make of it: the share of each multiple of a step."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from holdfast.profiles.portrait_cells import unpack
from holdfast.profiles.portrait_column import ColumnPortrait

FloatArray = NDArray[np.float64]

#: towards zero, and to the nearest
WAYS = ("cut", "round")


def on_multiple(x: FloatArray, step: float) -> NDArray[np.bool_]:
    """Whether numbers are multiples of a step, up to rounding of their storage.

    >>> on_multiple(np.array([0.3, 0.35, 2e6]), 0.1).tolist()
    [True, False, True]
    """
    scaled = x / step
    return np.abs(scaled - np.round(scaled)) <= np.minimum(
        1e-9 * np.maximum(1.0, np.abs(scaled)), 1e-3
    )


def rounded_log_p(face: ColumnPortrait, x: FloatArray, step: float, way: str) -> FloatArray:
    """Log-probability of multiples x of `step` after the reference was rounded to it.

    The share of the reference between x and the next multiple (cut), or half a step around x
    (round), from its quantiles; at least a quarter of a row inside the range, next to nothing outside.
    """
    quantiles = unpack(face.quantiles)
    hair = 1e-9 * step
    if way == "cut":
        low = np.where(x > 0, x - hair, np.where(x < 0, x - step + hair, -step + hair))
        high = np.where(x < 0, x + hair, x + step - hair)
    else:
        low, high = x - 0.5 * step - hair, x + 0.5 * step + hair
    between = np.searchsorted(quantiles, high, side="right")
    between = between - np.searchsorted(quantiles, low, side="left")
    least = max(0.25 / face.rows, 0.2 / max(1, len(quantiles)))
    out = np.maximum(np.log(np.maximum(between, 1e-9) / max(1, len(quantiles))), math.log(least))
    return np.where((x < face.low - step) | (x > face.high + step), -60.0, out)
