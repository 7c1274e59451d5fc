"""Scores of ranked lists, one number a user: NDCG, average precision, reciprocal rank, recall."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]

#: metrics of one list, in the order `per_user` gives them
NAMES = ("ndcg", "map", "mrr", "recall", "hit_rate", "precision")


def ideal_gains(user: Ints, relevance: Floats, users: int, k: int) -> Floats:
    """Discounted gain of the best possible list of k items of each user, shape (users,)."""
    order = np.lexsort((-relevance, user))
    u, r = user[order], relevance[order]
    start = np.r_[True, u[1:] != u[:-1]] if len(u) else np.zeros(0, bool)
    place = np.arange(len(u)) - np.maximum.accumulate(np.where(start, np.arange(len(u)), 0))
    kept = place < k
    best = np.bincount(u[kept], weights=r[kept] / np.log2(place[kept] + 2.0), minlength=users)
    return np.asarray(best, dtype=np.float64)


def per_user(gain: Floats, relevant: Ints, ideal: Floats) -> Floats:
    """The numbers of `NAMES` for each user's list.

    Args:
        gain: shape (users, k), relevance of the item at each place, 0 where it is not relevant or
            the list has ended.
        relevant: shape (users,), how many items are relevant for the user, >= 1.
        ideal: shape (users,), see `ideal_gains`.

    Returns:
        Shape (users, 6), each in [0, 1]. Gains are linear (Järvelin and Kekäläinen 2002); average
        precision divides by all relevant items, also those beyond k; precision divides by k.

    >>> gain = np.array([[0.0, 1.0, 0.0]])
    >>> per_user(gain, np.array([2]), np.array([1 + 1 / np.log2(3)])).round(4).tolist()
    [[0.3869, 0.25, 0.5, 0.5, 1.0, 0.3333]]
    """
    k = gain.shape[1]
    hit = gain > 0
    place = np.arange(1, k + 1)
    hits = hit.sum(axis=1)
    dcg = (gain / np.log2(place + 1.0)).sum(axis=1)
    precision_at = np.cumsum(hit, axis=1) / place
    first = np.where(hit.any(axis=1), 1.0 / (np.argmax(hit, axis=1) + 1.0), 0.0)
    return np.stack(
        [
            dcg / np.where(ideal > 0, ideal, 1.0),
            (precision_at * hit).sum(axis=1) / relevant,
            first,
            hits / relevant,
            hit.any(axis=1).astype(np.float64),
            hits / k,
        ],
        axis=1,
    )


def gini(exposure: Floats) -> float:
    """Gini coefficient of non-negative numbers, 0 all alike to nearly 1; NaN where all are 0.

    >>> gini(np.array([1.0, 1.0, 1.0])), gini(np.array([0.0, 0.0, 0.0, 4.0]))
    (0.0, 0.75)
    """
    n, total = len(exposure), float(exposure.sum())
    if not total > 0.0:
        return float("nan")
    ordered = np.sort(exposure)
    return float(2.0 * (np.arange(1, n + 1) @ ordered) / (n * total) - (n + 1) / n)


def gini_influence(exposure: Floats) -> Floats:
    """How the Gini coefficient moves with each exposure, shape (n,); ties share their mean rank."""
    from holdfast.stats.ranking import _midranks

    n, total = len(exposure), float(exposure.sum())
    ranks = _midranks(exposure)
    return np.asarray(2.0 / (n * total) * (ranks - float(ranks @ exposure) / total))


def list_diversity(items: Ints, features: Floats) -> Floats:
    """Mean cosine distance of the pairs of each list, shape (users,); NaN with fewer than two.

    Args:
        items: shape (users, k), rows of `features`, or -1 for none.
        features: shape (items, m); an item whose features are all 0 is left out.

    >>> list_diversity(np.array([[0, 1, 2]]), np.array([[1.0, 0], [1, 0], [0, 1]])).round(4)
    array([0.6667])
    """
    length = np.sqrt((features * features).sum(axis=1))
    known = (items >= 0) & (length[items] > 0)
    unit = features / np.where(length > 0, length, 1.0)[:, None]
    out = np.full(len(items), np.nan)
    size = max(1, 20_000_000 // max(1, items.shape[1] * features.shape[1]))
    for start in range(0, len(items), size):
        some = slice(start, start + size)
        vectors = unit[items[some]] * known[some][:, :, None]
        total = vectors.sum(axis=1)
        many = known[some].sum(axis=1).astype(np.float64)
        pairs = many * (many - 1)
        alike = (total * total).sum(axis=1) - many
        enough = many > 1
        out[some][enough] = 1.0 - alike[enough] / pairs[enough]
    return out
