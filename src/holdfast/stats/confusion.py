"""Scores of classes from one confusion, and their bootstrap; sparse: classes may be many."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from holdfast.stats.units import counts, draws_for

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

#: names of the totals that `scores` gives, in order
SCORES = (
    "accuracy", "balanced_accuracy", "macro_precision", "macro_recall", "macro_f1", "weighted_f1",
    "mcc",
)  # fmt: skip


class Cells:
    """The cells of a confusion that hold rows, apart for each unit.

    Args:
        truth, decided: shape (n,), numbers of classes, 0 to classes - 1.
        classes: number of classes.
        of_row: shape (n,), unit of each row, or None.
        units: number of units.
    """

    def __init__(
        self, truth: Ints, decided: Ints, classes: int, of_row: Ints | None, units: int
    ) -> None:
        key = truth.astype(np.int64) * classes + decided
        if of_row is not None:
            pairs, key = np.unique(key, return_inverse=True)
            cell, self.count = np.unique(
                of_row.astype(np.int64) * len(pairs) + key.reshape(-1), return_counts=True
            )
            self.unit: Ints | None = (cell // len(pairs)).astype(np.intp)
            cell = pairs[cell % len(pairs)]
        else:
            cell, self.count = np.unique(key, return_counts=True)
            self.unit = None
        self.truth = (cell // classes).astype(np.intp)
        self.decided = (cell % classes).astype(np.intp)
        self.rows, self.units = len(truth), units
        #: classes that occur in truth or decisions, in order
        self.present = np.union1d(self.truth, self.decided)

    def totals(self, weight: Floats) -> tuple[Floats, Floats, Floats]:
        """Rows, decisions and hits of each present class for weights of shape (b, cells)."""
        rows = _grouped(weight, np.searchsorted(self.present, self.truth), len(self.present))
        said = _grouped(weight, np.searchsorted(self.present, self.decided), len(self.present))
        right = self.truth == self.decided
        hits = np.zeros_like(rows)
        where = np.searchsorted(self.present, self.truth[right])
        hits += _grouped(weight[:, right], where, len(self.present))
        return rows, said, hits

    def resamples(self, seed: int) -> Iterator[Floats]:
        """Weights of the cells in resamples of the units, in blocks of shape (some, cells)."""
        if self.unit is not None:
            size = max(self.units, len(self.unit))
            for block in counts(self.units, draws_for(size), seed, size):
                yield block[:, self.unit] * self.count
            return
        rng = np.random.default_rng(seed)
        draws = draws_for(len(self.count))
        size = max(1, 2_000_000 // len(self.count))
        for start in range(0, draws, size):
            some = min(size, draws - start)
            yield rng.multinomial(self.rows, self.count / self.rows, size=some).astype(np.float64)


def _grouped(weight: Floats, group: Ints, groups: int) -> Floats:
    """Sums of columns that share a group: shape (b, groups)."""
    out = np.zeros((len(weight), groups))
    if not weight.shape[1]:
        return out
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    out[:, ordered[starts]] = np.add.reduceat(weight[:, order], starts, axis=1)
    return out


def scores(rows: Floats, said: Floats, hits: Floats) -> Floats:
    """The numbers of `SCORES` for totals of shape (b, classes): shape (b, 7).

    A class never decided has precision 0, one without rows recall 0, as scikit-learn's
    ``zero_division=0``; a class absent from a resample on both sides does not count there. The MCC
    without variation on one side is 0.
    """
    n = rows.sum(axis=1)
    there = (rows + said) > 0
    many = np.maximum(there.sum(axis=1), 1)
    precision = hits / np.where(said > 0, said, 1.0)
    recall = hits / np.where(rows > 0, rows, 1.0)
    f1 = 2 * hits / np.where(there, rows + said, 1.0)
    right = hits.sum(axis=1)
    left = n * n - (said * said).sum(axis=1)
    below = n * n - (rows * rows).sum(axis=1)
    spread = np.sqrt(left) * np.sqrt(below)
    mcc = np.where(
        spread > 0, (n * right - (rows * said).sum(axis=1)) / np.where(spread > 0, spread, 1.0), 0.0
    )
    return np.stack(
        [
            right / n,
            recall.sum(axis=1) / np.maximum((rows > 0).sum(axis=1), 1),
            precision.sum(axis=1) / many,
            recall.sum(axis=1) / many,
            f1.sum(axis=1) / many,
            (f1 * rows).sum(axis=1) / n,
            mcc,
        ],
        axis=1,
    )
