"""What rounding the reference would make of it: the share of each multiple of a step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from holdfast.profiles.portrait_cells import unpack
from holdfast.profiles.portrait_column import ColumnPortrait

FloatArray = NDArray[np.float64]

#: towards zero, and to the nearest
WAYS = ("cut", "round")
#: bits of the fraction of floating-point formats that a number may have been packed in
FORMATS = {"single precision": 23, "half precision": 10, "8 bits of fraction": 8, "bfloat16": 7}


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

    The share of the reference's quantiles that rounding takes to x, floating-point errors and all;
    inside the range at least a fifth of a quantile, outside next to nothing.
    """
    quantiles = unpack(face.quantiles)
    size = max(1, len(quantiles))
    made = rounded(quantiles, step, way)
    hair = 1e-6 * step
    heads = np.searchsorted(made, x + hair, side="right") - np.searchsorted(made, x - hair)
    out = np.log(np.maximum(heads, 0.2) / size)
    return np.where((x < face.low - step) | (x > face.high + step), -60.0, out)


def rounded(x: FloatArray, step: float, way: str) -> FloatArray:
    """Numbers rounded as programs do it.

    >>> rounded(np.array([-1.7, 0.26]), 0.1, "cut").round(3).tolist()
    [-1.7, 0.2]
    """
    out: FloatArray = (np.trunc if way == "cut" else np.round)(x / step) * step
    return out


def packed(x: FloatArray, bits: int) -> FloatArray:
    """Numbers as a floating-point format with so many bits of fraction keeps them.

    >>> packed(np.array([0.1, 3.0]), 10).tolist()
    [0.0999755859375, 3.0]
    """
    mantissa, exponent = np.frexp(x)
    scale = 2.0 ** (bits + 1)
    return np.ldexp(np.round(mantissa * scale) / scale, exponent)


def packed_log_p(face: ColumnPortrait, x: FloatArray, bits: int) -> FloatArray:
    """Log-probability of numbers x that such a format can hold, after the reference was packed."""
    quantiles = unpack(face.quantiles)
    made = packed(quantiles, bits)
    hair = np.abs(x) * 2.0 ** -(bits + 3)
    heads = np.searchsorted(made, x + hair, side="right") - np.searchsorted(made, x - hair)
    out = np.log(np.maximum(heads, 0.2) / max(1, len(quantiles)))
    slack = np.abs(x) * 2.0**-bits
    return np.where((x < face.low - slack) | (x > face.high + slack), -60.0, out)
