"""Bootstrap of anything that follows from the order of scores: sorted once, summed into bins.

Rows are summed once into (unit, bin of score) cells; a resample is then a weighted sum over units,
and all resamples are one matrix product. Average precision, recall at a budget, cost at every
threshold and the best threshold follow from cumulative sums, for one draw of units shared by all,
so that differences between models are paired.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from holdfast.stats.ranked import Ranked

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

#: bins of score, about half by rows and half by positives, finest at the top
BINS = 512


def bin_edges(ranked: Ranked, bins: int = BINS, keep: Ints | None = None) -> Ints:
    """Which cuts end a bin: all when few, else spaced by rows, by positives, and the top ones.

    Args:
        ranked: the sorted rows.
        bins: about how many to keep.
        keep: further cuts to end a bin at.

    Returns:
        Rising indices into ``ranked.cuts``, the last cut among them.
    """
    k = len(ranked.cuts)
    if k <= bins:
        return np.arange(k)
    half = bins // 2
    by_rows = np.searchsorted(ranked.asked, np.linspace(1, ranked.n, half))
    by_hits = np.searchsorted(ranked.found, np.linspace(1, max(ranked.positives, 1), half))
    top = np.arange(min(bins // 8, k))
    found = [by_rows, by_hits, top, np.array([k - 1]), *([] if keep is None else [keep])]
    return np.unique(np.minimum(np.concatenate(found), k - 1))


def cut_costs(ranked: Ranked, if_positive: Floats, if_negative: Floats) -> Floats:
    """Mean cost of a decision at each cut, shape (cuts + 1,); the first decides all negative.

    >>> ranked = Ranked(np.array([True, False]), np.array([0.9, 0.1]))
    >>> cut_costs(ranked, np.array([0.0, 1.0]), np.array([3.0, 0.0])).tolist()
    [1.5, 0.0, 0.5]
    """
    change = np.cumsum((if_positive - if_negative)[ranked.order])
    at_cut = change[ranked.asked.astype(np.intp) - 1]
    return np.asarray((np.r_[0.0, at_cut] + if_negative.sum()) / ranked.n)


class Binned:
    """Resampled sums of the rows of each bin, highest scores first.

    Args:
        ranked: the sorted rows.
        unit: shape (n,), unit of each row in the rows' own order.
        weights: shape (draws, units), how often each unit is drawn.
        keep: cuts that must end a bin.
        if_positive, if_negative: shape (n,), cost of each row when decided positive and when
            decided negative; None where costs are not asked.

    Attributes:
        edges: the cut (index into ``ranked.cuts``) that ends each bin.
        rows, hits: shape (draws, bins), weighted rows and positives of each bin.
    """

    def __init__(
        self,
        ranked: Ranked,
        unit: Ints,
        weights: Floats,
        *,
        keep: Ints | None = None,
        if_positive: Floats | None = None,
        if_negative: Floats | None = None,
    ) -> None:
        self.ranked = ranked
        self.edges = bin_edges(ranked, keep=keep)
        count, width = weights.shape[1], len(self.edges)
        of_cut = np.searchsorted(self.edges, np.arange(len(ranked.cuts)))
        of_row = np.repeat(of_cut, ranked.sizes)
        cell = unit[ranked.order] * width + of_row

        if count == ranked.n and len(np.unique(unit)) == count:  # each row by itself: no product
            starts = np.searchsorted(of_row, np.arange(width))
            sorted_weights = weights[:, unit[ranked.order]]

            def summed(values: Floats | None) -> Floats:
                each = sorted_weights if values is None else sorted_weights * values
                return np.asarray(np.add.reduceat(each, starts, axis=1))
        else:

            def summed(values: Floats | None) -> Floats:
                flat = np.bincount(cell, weights=values, minlength=count * width)
                return weights @ flat.reshape(count, width).astype(np.float64)

        self.rows = summed(None)
        self.hits = summed(ranked.sorted_positive.astype(np.float64))
        self.change: Floats | None = None
        self.none: Floats | None = None
        if if_positive is not None and if_negative is not None:
            self.change = summed((if_positive - if_negative)[ranked.order])
            self.none = weights @ np.bincount(unit, weights=if_negative, minlength=count)
        self.total = self.rows.sum(axis=1)

    def average_precision(self) -> Floats:
        """Average precision of each draw; NaN where it has no positive."""
        found = np.cumsum(self.hits, axis=1)
        asked = np.cumsum(self.rows, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            precision = np.where(asked > 0, found / np.maximum(asked, 1e-300), 0.0)
            return np.asarray((self.hits * precision).sum(axis=1) / found[:, -1])

    def roc_auc(self) -> Floats:
        """Area under the ROC curve of each draw; NaN where a class is absent."""
        misses = self.rows - self.hits
        above = np.cumsum(self.hits, axis=1) - self.hits / 2.0
        with np.errstate(invalid="ignore", divide="ignore"):
            pairs = self.hits.sum(axis=1) * misses.sum(axis=1)
            return np.asarray((above * misses).sum(axis=1) / pairs)

    def recall_at(self, share: float) -> Floats:
        """Recall of each draw when the top `share` of its rows is looked at."""
        asked = np.cumsum(self.rows, axis=1)
        found = np.cumsum(self.hits, axis=1)
        budget = share * self.total
        last = np.minimum((asked < budget[:, None] - 1e-9).sum(axis=1), asked.shape[1] - 1)
        each = np.arange(len(last))
        rows = self.rows[each, last]
        part = np.where(rows > 0, (budget - (asked[each, last] - rows)) / np.maximum(rows, 1e-9), 0)
        hits = found[each, last] - self.hits[each, last] * (1.0 - np.clip(part, 0.0, 1.0))
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(hits / found[:, -1])

    def costs(self) -> Floats:
        """Mean cost of each draw at each cut, shape (draws, bins + 1).

        Column 0 decides every row negative; column j decides the first j bins positive.
        """
        if self.change is None or self.none is None:
            raise ValueError("made without costs")
        steps = np.cumsum(self.change, axis=1)
        total = np.concatenate([np.zeros((len(steps), 1)), steps], axis=1) + self.none[:, None]
        return np.asarray(total / self.total[:, None])
