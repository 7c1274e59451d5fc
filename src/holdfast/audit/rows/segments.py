"""Points that lie on a line between two others, as interpolating resamplers (SMOTE) make them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

NEIGHBOURS = 12
#: columns in which the ends of a segment must differ
_LEAST = 3
#: how far off the line a point may be, as a share of the segment
_OFF = 1e-5
#: fractions that grids of whole numbers make by themselves
_SIMPLE = np.unique(np.array([i / q for q in range(1, 13) for i in range(q + 1)]))
_GRID = 1e-6


def on_segments(points: Floats, ends: Floats, own: npt.NDArray[np.intp] | None = None) -> Bools:
    """Whether each point lies between two of its nearest `ends`, in all columns at one fraction.

    The fraction must be the same to five digits in every column in which the two ends differ
    (three at least), and no simple one such as 1/2 or 2/3, which whole numbers make by themselves.

    Args:
        points: shape (p, d), no NaN.
        ends: shape (e, d), no NaN.
        own: shape (p,), position of the point among the ends, or -1; it is no end of its own.

    Returns:
        Shape (p,).

    Example:
        >>> ends = np.array([[0.0, 0.0, 0.0], [1.0, 2.0, 4.0], [9.0, 7.0, 5.0]])
        >>> on_segments(np.array([[0.317, 0.634, 1.268], [0.3, 0.7, 1.2]]), ends).tolist()
        [True, False]
    """
    found = np.zeros(len(points), np.bool_)
    if len(ends) < 2 or points.shape[1] < _LEAST:
        return found
    scale = ends.std(axis=0)
    scale[scale == 0.0] = 1.0
    squares = ((ends / scale) ** 2).sum(axis=1)
    for i, point in enumerate(points):
        far = squares - 2.0 * (ends @ (point / scale**2))  # but for the square of the point
        if own is not None and own[i] >= 0:
            far[own[i]] = np.inf
        near = np.argpartition(far, min(NEIGHBOURS, len(far) - 1))[:NEIGHBOURS]
        near = near[np.isfinite(far[near])]
        found[i] = _between_any(point, ends[near])
    return found


def _between_any(point: Floats, ends: Floats) -> bool:
    one, two = np.triu_indices(len(ends), 1)
    step = ends[two] - ends[one]
    moved = step != 0.0
    enough = moved.sum(axis=1) >= _LEAST
    if not enough.any():
        return False
    step, moved, start = step[enough], moved[enough], ends[one[enough]]
    gone = point - start
    with np.errstate(divide="ignore", invalid="ignore"):
        fraction = np.where(moved, gone / step, np.nan)
    widest = np.abs(step).argmax(axis=1)  # where the fraction is known best
    middle = fraction[np.arange(len(step)), widest]
    off = np.abs(gone - middle[:, None] * step)
    room = _OFF * np.abs(step).max(axis=1)
    still = np.where(moved, 0.0, np.abs(gone))
    fits = (
        (np.where(moved, off - _OFF * np.abs(step), 0.0) <= 0.0).all(axis=1)
        & (still <= room[:, None]).all(axis=1)
        & (middle > _GRID)
        & (middle < 1.0 - _GRID)
    )
    if not fits.any():
        return False
    chosen = middle[fits]
    simple = np.abs(chosen[:, None] - _SIMPLE[None, :]).min(axis=1) < _GRID
    return bool((~simple).any())
