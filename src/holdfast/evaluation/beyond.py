"""What lists do beyond being right: coverage, concentration, novelty, diversity, popularity."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from holdfast.errors import DataError
from holdfast.evaluation import interactions as read
from holdfast.evaluation.estimating import FEWEST_UNITS, Sampling
from holdfast.evaluation.task_record import refused
from holdfast.records import Estimate
from holdfast.stats.ranked_lists import gini, gini_influence, list_diversity

if TYPE_CHECKING:
    from holdfast.evaluation.ranking import Ranked

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

#: text categories of one feature that become columns
_MOST_CATEGORIES = 500


def beyond_accuracy(
    data: Ranked, shown: Ints, k: int, sampling: Sampling, features: Any, item: str
) -> dict[str, Estimate]:
    """Coverage, Gini, and where training or features are given novelty, popularity, diversity.

    Coverage and Gini: intervals by the jackknife over users. Novelty: mean of
    ``-log2((users with the item + 1) / (users + 1))`` over a list. Popularity: mean share of
    training users who have the listed items; its lift is that mean over the mean of the users' own
    training items, less 1 (Abdollahpouri 2019).
    """
    found = {
        f"coverage@{k}": _coverage(data, shown, sampling),
        f"gini@{k}": _gini(data, shown, sampling),
    }
    if data.train_user is not None and data.train_item is not None:
        found |= _popularity(data, shown, k, sampling)
    if features is not None and data.feature_item is not None:
        found[f"diversity@{k}"] = _diversity(data, shown, sampling, features, item)
    return found


def _coverage(data: Ranked, shown: Ints, sampling: Sampling) -> Estimate:
    exposure = np.bincount(shown[shown >= 0], minlength=data.items)
    value = float((exposure > 0).sum()) / data.catalogue
    alone = ((exposure[shown] == 1) & (shown >= 0)).sum(axis=1) / data.catalogue
    return _jackknifed(value, alone.astype(np.float64), sampling, "share of the catalogue")


def _gini(data: Ranked, shown: Ints, sampling: Sampling) -> Estimate:
    exposure = np.bincount(shown[shown >= 0], minlength=data.items).astype(np.float64)
    whole = np.zeros(max(data.catalogue, int((exposure > 0).sum())))
    some = np.flatnonzero(exposure > 0)
    whole[: len(some)] = exposure[some]
    value = gini(whole)
    if math.isnan(value):
        why = "no evaluated user has a list"
        return refused(why, n=data.rows, level=sampling.level, unit="gini")
    moves = np.zeros(data.items)
    moves[some] = gini_influence(whole)[: len(some)]
    own = np.where(shown >= 0, moves[shown], 0.0).sum(axis=1)
    return _jackknifed(value, own, sampling, "gini")


def _jackknifed(value: float, own: Floats, sampling: Sampling, unit: str) -> Estimate:
    """Interval from what each user adds; source: Efron and Stein 1981."""
    n = len(own)
    if n < FEWEST_UNITS:
        return sampling.bare(value, unit, n)
    se = math.sqrt((n - 1) / n * float(((own - own.mean()) ** 2).sum()))
    half = NormalDist().inv_cdf((1 + sampling.level) / 2) * se
    low, high = max(0.0, value - half), min(1.0, value + half)
    return sampling.within(value, low, high, unit, n, "jackknife of users")


def _popularity(data: Ranked, shown: Ints, k: int, sampling: Sampling) -> dict[str, Estimate]:
    from holdfast.evaluation.ranking import user_counts

    if data.train_user is None or data.train_item is None:
        return {}
    users = max(1, len(np.unique(data.train_user)))
    count = user_counts(data)
    there = shown >= 0
    length = there.sum(axis=1)
    has = length > 0
    if not has.any():
        why = "no evaluated user has a list"
        empty = refused(why, n=0, level=sampling.level, unit="share")
        return {f"{name}@{k}": empty for name in ("novelty", "popularity", "popularity_lift")}
    surprise = -np.log2((count + 1) / (users + 1))
    share = count / users
    novelty = np.where(there, surprise[shown], 0.0).sum(axis=1) / np.maximum(length, 1)
    popular = np.where(there, share[shown], 0.0).sum(axis=1) / np.maximum(length, 1)
    weight = has.astype(np.float64)
    found = {
        f"novelty@{k}": _of(sampling.mean(novelty, "bits", weight), int(has.sum())),
        f"popularity@{k}": _of(
            sampling.mean(popular, "share of training users", weight), int(has.sum())
        ),
    }
    row = data.row_of[data.train_user]
    own = row >= 0
    rows = np.bincount(row[own], minlength=data.rows)
    taste = np.bincount(row[own], weights=share[data.train_item[own]], minlength=data.rows)
    both = has & (rows > 0)
    name = f"popularity_lift@{k}"
    if not both.any():
        why = "no evaluated user with a list has training interactions; it needs one"
        return found | {name: refused(why, n=0, level=sampling.level, unit="ratio less 1")}
    parts = np.stack([popular * both, taste / np.maximum(rows, 1) * both], axis=1)
    value = float(parts[:, 0].sum() / parts[:, 1].sum()) - 1
    lift = sampling.of_sums(
        parts,
        lambda t: t[:, :1] / np.where(t[:, 1:] > 0, t[:, 1:], np.nan) - 1,
        [value],
        "ratio less 1",
        n=int(both.sum()),
    )[0]
    return found | {name: lift}


def _of(estimate: Estimate, n: int) -> Estimate:
    import msgspec

    return msgspec.structs.replace(estimate, n=n)


def _diversity(data: Ranked, shown: Ints, sampling: Sampling, features: Any, item: str) -> Estimate:
    rows = data.feature_item
    if rows is None:
        raise DataError("the item features have no items")
    table = np.zeros((data.items, 0))
    blocks = [table]
    source = read.table(features, "the item features", (item,))
    for name in source.column_names:
        if name != item:
            block = _feature(source.column(name), name)
            whole = np.zeros((data.items, block.shape[1]))
            whole[rows] = block
            blocks.append(whole)
    table = np.concatenate(blocks, axis=1)
    if not table.shape[1]:
        raise DataError(
            "the item features have no feature", expected="columns of numbers or texts beside item"
        )
    used = np.unique(shown[shown >= 0])
    place = np.full(data.items + 1, -1, np.intp)
    place[used] = np.arange(len(used))
    if not len(used):
        return refused("no lists", n=0, level=sampling.level, unit="cosine distance")
    by_user = list_diversity(place[shown], table[used])
    known = np.isfinite(by_user)
    if not known.any():
        why = "no list has two items with features; it needs two in one list"
        return refused(why, n=0, level=sampling.level, unit="cosine distance")
    mean = sampling.mean(np.where(known, by_user, 0.0), "cosine distance", known.astype(np.float64))
    return _of(mean, int(known.sum()))


def _feature(column: Any, name: str) -> Floats:
    import pyarrow as pa

    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        codes, many = read.code([column.fill_null("")], f"feature {name!r}")
        if many > _MOST_CATEGORIES:
            raise DataError(
                f"the feature {name!r} has too many distinct texts",
                expected=f"at most {_MOST_CATEGORIES}",
                got=f"{many}",
                remedy="leave it out, or give numbers",
            )
        return np.eye(many)[codes[0]]
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    return read.numbers(column, f"feature {name!r}")[:, None]
