"""The two rivals every recommender must beat, built from the training interactions alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from holdfast.evaluation.interactions import places

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


def popular_lists(
    seen_user: Ints, seen_item: Ints, count: Ints, users: int, k: int, *, repeats: bool
) -> Ints:
    """For each user the k most popular items, shape (users, k), -1 where there are no more.

    Args:
        seen_user: users of the training pairs, numbered 0 to users - 1.
        seen_item: items of the training pairs.
        count: shape (items,), training users of each item; ties go by number of the item.
        users: how many are evaluated.
        k: length of the lists.
        repeats: whether items that the user has already may come again.

    >>> popular_lists(np.array([0]), np.array([2]), np.array([1, 2, 9]), 2, 2, repeats=False)
    array([[1, 0],
           [2, 1]])
    """
    order = np.argsort(-count, kind="stable")
    order = order[count[order] > 0]
    if repeats or not len(seen_user):
        out = np.full((users, k), -1, np.intp)
        out[:, : min(k, len(order))] = order[:k]
        return out
    rank = np.full(len(count), len(order), np.intp)
    rank[order] = np.arange(len(order))
    out = np.full((users, k), -1, np.intp)
    by = np.argsort(seen_user, kind="stable")
    u, r = seen_user[by], rank[seen_item[by]]
    had = np.bincount(u, minlength=users)
    size = max(1, 20_000_000 // max(1, int(had.max()) + k))
    ends = np.cumsum(had)
    for start in range(0, users, size):
        stop = min(start + size, users)
        rows = slice(ends[start - 1] if start else 0, ends[stop - 1])
        width = min(len(order), int(had[start:stop].max()) + k)
        free = np.ones((stop - start, width), bool)
        inside = r[rows] < width
        free[u[rows][inside] - start, r[rows][inside]] = False
        place = np.cumsum(free, axis=1) - 1
        take = free & (place < k)
        row, column = np.nonzero(take)
        out[start + row, place[take]] = order[column]
    return out


def last_seen_lists(
    user: Ints, item: Ints, time: npt.NDArray[np.int64] | Floats | None, users: int, k: int
) -> Ints:
    """For each user the k items met last in training, the latest first; -1 where there are no more.

    Args:
        user: users of the training pairs, in order of rows, numbered 0 to users - 1.
        item: items of the training pairs.
        time: when; None takes the order of rows.
        users: how many are evaluated.
        k: length of the lists.

    >>> last_seen_lists(np.array([0, 0, 0]), np.array([4, 5, 4]), None, 1, 3)
    array([[ 4,  5, -1]])
    """
    out = np.full((users, k), -1, np.intp)
    n = len(user)
    if not n:
        return out
    when = np.arange(n) if time is None else time
    order = np.lexsort((-np.arange(n), -when, user))
    u, i = user[order], item[order]
    _, first = np.unique(u.astype(np.int64) * (int(item.max()) + 1) + i, return_index=True)
    keep = np.sort(first)
    u, i = u[keep], i[keep]
    place = places(u)
    near = place < k
    out[u[near], place[near]] = i[near]
    return out
