"""Values that stood in an earlier row: how many rows back most of them come from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: rows tested against all lags
TESTED = 120
#: a lag needs this many values in common
LEAST = 4


def lag_of(
    before: IntArray, now: IntArray, surprise: FloatArray, start: int = 0
) -> tuple[int, float]:
    """The lag at which the rows repeat earlier ones, and its gain in nats; (0, 0.0) if none.

    Args:
        before: shape (m,), the column's values before, as codes; -1 for none.
        now: shape (n,), its values since.
        surprise: shape (n,), -log of the share of each value: what a chance match is worth.
        start: first row of the fault; only rows whose source lies before it are tested.

    Example:
        >>> before = np.arange(500)
        >>> lag, nats = lag_of(before, np.arange(100, 300), np.full(200, 6.0))
        >>> lag, bool(nats > 100)
        (400, True)
    """
    m = len(before)
    rows = np.arange(start, min(len(now), start + TESTED))
    if m < 20 or len(rows) < LEAST:
        return 0, 0.0
    line = np.concatenate((before, now[:start]))
    lags = np.arange(2, m + start + 1)
    source = rows[None, :] + m - lags[:, None]
    usable = (source >= 0) & (source < m + start)
    match = usable & (line[np.clip(source, 0, len(line) - 1)] == now[rows][None, :])
    match &= now[rows][None, :] >= 0
    weights = np.maximum(surprise[rows], 0.0)
    value = match.astype(np.float64) @ weights
    hits, tested = match.sum(1), np.maximum(usable.sum(1), 1)
    best = int(np.argmax(value))
    if hits[best] < LEAST:
        return 0, 0.0
    share = min(hits[best] / tested[best], 0.98)
    p = np.exp(-surprise[rows])[usable[best]]
    seen = match[best][usable[best]]
    gain = np.where(seen, np.log((1 - share) + share / np.maximum(p, 1e-9)), np.log(1 - share))
    return int(lags[best]), max(0.0, float(gain.sum()) - float(np.log(len(lags))))
