"""Evaluate recommended lists: accuracy by user, what they do to the catalogue, and dumb rivals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from holdfast.errors import DataError, UsageError
from holdfast.evaluation import columns
from holdfast.evaluation import interactions as read
from holdfast.evaluation.beyond import beyond_accuracy
from holdfast.evaluation.estimating import Sampling, rival_findings, with_positives
from holdfast.evaluation.popularity import last_seen_lists, popular_lists
from holdfast.evaluation.ranking_checks import check
from holdfast.evaluation.ranking_report import pictures
from holdfast.evaluation.task_record import Rival, TaskEvaluation
from holdfast.records import Estimate
from holdfast.stats import ranked_lists as lists
from holdfast.stats.intervals import wilson

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


class Ranked:
    """Everything a ranking evaluation works on, as numbers of one coding.

    Attributes:
        users, items: how many each coding has; `rows` evaluated users.
        row_of: number of a user → row, -1 where the user is not evaluated.
        truth_user, truth_item, relevance, truth_time: relevant test pairs (rows of users).
        user, item, place: the lists, in order.
        listed: shape (users,), length of each user's list.
        train_user, train_item, train_time: training pairs, or None.
        catalogue: how many items there are to recommend.
    """

    users: int
    items: int
    rows: int
    row_of: Ints
    truth_user: Ints
    truth_item: Ints
    relevance: Floats
    truth_time: Any
    user: Ints
    item: Ints
    place: Ints
    doubles: int
    train_user: Ints | None
    train_item: Ints | None
    train_time: Any
    catalogue: int
    repeats: bool
    relevant: Ints
    keys: npt.NDArray[np.int64]
    gains_of: Floats
    feature_item: Ints | None
    champion: tuple[Ints, Ints, Ints] | None

    def gain(self, items: Ints) -> Floats:
        """Relevance of the items of each row, shape (rows, k)."""
        key = np.arange(self.rows, dtype=np.int64)[:, None] * self.items + items
        at = np.minimum(np.searchsorted(self.keys, key), len(self.keys) - 1)
        hit = (self.keys[at] == key) & (items >= 0)
        return np.where(hit, self.gains_of[at], 0.0)

    def scores(self, items: Ints) -> Floats:
        """The numbers of `ranked_lists.NAMES` for each row."""
        ideal = lists.ideal_gains(self.truth_user, self.relevance, self.rows, items.shape[1])
        return lists.per_user(self.gain(items), self.relevant, ideal)


def evaluate_ranking(
    truth: Any,
    recommended: Any,
    *,
    train: Any = None,
    k: int | Sequence[int] = 10,
    user: str = "user",
    item: str = "item",
    score: str | None = "score",
    relevance: str | None = None,
    relevant_from: float | None = None,
    event_time: str | None = None,
    items: Any = None,
    item_features: Any = None,
    champion: Any = None,
    repeats: bool | None = None,
    sampled: bool | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> TaskEvaluation:
    """Evaluate lists of recommended items against what users went on to do.

    Args:
        truth: table of test interactions, one row each: user, item and, where named, relevance and
            event time.
        recommended: table of lists: user, item and score (larger is better; equal scores keep the
            order of rows). Without a column of scores the order of rows counts.
        train: table of training interactions; baselines, novelty and popularity come from it.
        k: length of the lists; of several the first is the one baselines are held against.
        user: name of the column with users, the same in all tables, as are the next four.
        item: name of the column with items.
        score: name of the column with scores.
        relevance: name of the column with relevance; None takes each interaction as relevant.
        event_time: name of the column with times, in test and training.
        relevant_from: relevance from which an interaction counts; below it, and at 0 or less, it
            is not relevant. None counts all that are above 0.
        items: the catalogue: how many items, or their ids; None takes all that occur in training,
            test and lists.
        item_features: table of the items with numbers or texts as features, for diversity.
        champion: lists of the recommender in use, as `recommended`.
        repeats: whether items the user already has may be recommended; None finds it in the test
            rows (yes when more than 1% of them repeat a training pair).
        sampled: whether lists were ranked among sampled candidates only; None looks for signs.
        level: coverage of the intervals.
        seed: of the resamples; whole users are drawn.

    Returns:
        The evaluation. Means over users with at least one relevant item; a user without a list
        scores 0. ``positives`` are the relevant
        interactions. NDCG (linear gain), MAP, MRR, recall and hit rate equal ranx. ``passed`` holds
        NDCG against the popular items (and, where repeats are the task, the items seen last).

    Raises:
        DataError: tables that lack columns, ids that are missing or of mixed types, nothing
            relevant.
        UsageError: k below 1.

    Example:
        >>> truth = {"user": ["a", "a", "b"], "item": [1, 2, 3]}
        >>> lists = {"user": ["a", "a", "b"], "item": [2, 9, 3], "score": [0.9, 0.8, 0.7]}
        >>> e = evaluate_ranking(truth, lists, k=2)
        >>> e.value("recall@2"), e.value("mrr@2"), e.passed
        (0.75, 1.0, None)
    """
    columns.share(level)
    sizes = [k] if isinstance(k, int) else [int(v) for v in k]
    if not sizes or min(sizes) < 1 or isinstance(k, bool):
        raise UsageError("k is no length of a list", expected="k >= 1", got=f"k={k}")
    data = _read(
        truth, recommended, train, user, item, score, relevance, relevant_from, event_time, items,
        item_features, champion, repeats,
    )  # fmt: skip
    sampling = Sampling(None, data.rows, "users", level=level, seed=seed)
    main = sizes[0]
    metrics: dict[str, Estimate] = {}
    shown = {size: read.matrix(data.user, data.item, data.place, data.row_of, data.rows, size)
             for size in dict.fromkeys(sizes)}  # fmt: skip
    mine = {size: data.scores(found) for size, found in shown.items()}
    for size, found in mine.items():
        metrics |= _means(found, size, sampling)
    extra = beyond_accuracy(data, shown[main], main, sampling, item_features, item)
    baselines = _rivals(data, mine[main], main, sampling)
    return TaskEvaluation(
        task="ranking",
        rows=len(data.truth_user),
        units=data.rows,
        unit="users",
        metrics=with_positives(metrics | extra, len(data.truth_user)),
        baselines=baselines,
        findings=(*rival_findings(baselines), *check(data, shown[main], extra, sampled)),
        facts={
            "users": data.rows,
            "catalogue": data.catalogue,
            "k": main,
            "repeats": data.repeats,
            "relevant_per_user": float(data.relevant.mean()),
        },
        pictures=pictures(data, shown[main], mine[main], main),
    )


def _means(found: Floats, k: int, sampling: Sampling) -> dict[str, Estimate]:
    estimates = sampling.of_sums(
        found, lambda t: t / sampling.count, [float(v) for v in found.mean(axis=0)], "share",
        n=len(found),
    )  # fmt: skip
    named = {f"{name}@{k}": e for name, e in zip(lists.NAMES, estimates, strict=True)}
    hit = lists.NAMES.index("hit_rate")
    named[f"hit_rate@{k}"] = wilson(int(found[:, hit].sum()), len(found), sampling.level)
    return named


def _rivals(data: Ranked, mine: Floats, k: int, sampling: Sampling) -> dict[str, Rival]:
    made: dict[str, tuple[Ints, str, bool]] = {}
    if data.train_user is not None and data.train_item is not None:
        row = data.row_of[data.train_user]
        own = row >= 0
        count = user_counts(data)
        again = "" if data.repeats else " that the user does not have"
        made["popularity"] = (
            popular_lists(
                row[own], data.train_item[own], count, data.rows, k, repeats=data.repeats
            ),
            f"the items most users have in training{again}",
            True,
        )
        when = None if data.train_time is None else data.train_time[own]
        made["last_seen"] = (
            last_seen_lists(row[own], data.train_item[own], when, data.rows, k),
            "the items the user met last in training, the latest first",
            data.repeats,
        )
    if data.champion is not None:
        user, item, place = data.champion
        made["champion"] = (
            read.matrix(user, item, place, data.row_of, data.rows, k),
            "the recommender in use, for the same users",
            True,
        )
    rivals = {}
    for name, (shown, meaning, counts) in made.items():
        theirs = data.scores(shown)
        rivals[name] = Rival(
            metrics={
                f"{m}@{k}": float(v) for m, v in zip(lists.NAMES, theirs.mean(axis=0), strict=True)
            },
            on=f"ndcg@{k}",
            gain=sampling.mean(mine[:, 0] - theirs[:, 0], "share"),
            meaning=meaning,
            counts=counts,
        )
    return rivals


def user_counts(data: Ranked) -> Ints:
    """Training users of each item, shape (items,); a user who meets an item twice counts once."""
    if data.train_user is None or data.train_item is None:
        return np.zeros(data.items, np.intp)
    pairs = np.unique(data.train_user.astype(np.int64) * data.items + data.train_item)
    return np.bincount(pairs % data.items, minlength=data.items)


def _read(
    truth: Any, recommended: Any, train: Any, user: str, item: str, score: str | None,
    relevance: str | None, relevant_from: float | None, event_time: str | None, items: Any,
    item_features: Any, champion: Any, repeats: bool | None,
) -> Ranked:  # fmt: skip
    ids = (user, item)
    extra = tuple(c for c in (relevance, event_time) if c)
    tables = {
        "the test interactions": read.table(truth, "the test interactions", ids + extra),
        "the lists": read.table(recommended, "the lists", ids),
    }
    if train is not None:
        when = (event_time,) if event_time else ()
        tables["the training interactions"] = read.table(
            train, "the training interactions", ids + when
        )
    if champion is not None:
        tables["the champion's lists"] = read.table(champion, "the champion's lists", ids)
    data = Ranked()
    user_codes, data.users = read.code([t.column(user) for t in tables.values()], "user")
    item_columns = [t.column(item) for t in tables.values()]
    many, extra_items = None, 0
    if isinstance(items, int) and not isinstance(items, bool):
        many = items
    elif items is not None:
        import pyarrow as pa

        item_columns.append(pa.chunked_array([pa.array(columns.plain(items, "the items"))]))
        extra_items += 1
    if item_features is not None:
        features = read.table(item_features, "the item features", (item,))
        item_columns.append(features.column(item))
    item_codes, data.items = read.code(item_columns, "item")
    named = dict(zip(tables, zip(user_codes, item_codes, strict=False), strict=True))
    data.feature_item = item_codes[-1] if item_features is not None else None
    source = tables["the test interactions"]
    u, i = named["the test interactions"]
    rel = (
        np.ones(len(u))
        if relevance is None
        else np.maximum(read.numbers(source.column(relevance), "the relevance"), 0.0)
    )
    if relevant_from is not None:
        rel = np.where(rel >= relevant_from, rel, 0.0)
    data.truth_time = (
        read.times(source.column(event_time), "the test interactions") if event_time else None
    )
    _truth(data, u, i, rel)
    lu, li = named["the lists"]
    data.user, data.item, data.place, data.doubles = read.ranked(
        lu, li, _scores(tables["the lists"], score), data.items
    )
    data.champion = None
    if champion is not None:
        cu, ci = named["the champion's lists"]
        data.champion = read.ranked(
            cu, ci, _scores(tables["the champion's lists"], score), data.items
        )[:3]
    data.train_user = data.train_item = data.train_time = None
    if train is not None:
        data.train_user, data.train_item = named["the training interactions"]
        if event_time:
            data.train_time = read.times(
                tables["the training interactions"].column(event_time), "the training interactions"
            )
    data.catalogue = max(
        many or 0,
        len(np.unique(np.concatenate(item_codes[: len(tables) + extra_items])))
        if many is None
        else len(np.unique(data.item)),
    )
    data.repeats = repeated(data) > 0.01 if repeats is None else repeats
    return data


def _scores(source: Any, score: str | None) -> Floats | None:
    if score is None or score not in source.column_names:
        return None
    return read.numbers(source.column(score), "the scores")


def _truth(data: Ranked, user: Ints, item: Ints, rel: Floats) -> None:
    """Relevant pairs once each (of doubles the most relevant and first), users numbered by row."""
    kept = rel > 0
    if not kept.any():
        raise DataError(
            "no test interaction is relevant",
            expected="at least one with a relevance above 0 (and relevant_from)",
            got=f"rows={len(rel)}",
        )
    u, i, r = user[kept], item[kept], rel[kept]
    when = None if data.truth_time is None else data.truth_time[kept]
    by = np.lexsort((-r, i, u)) if when is None else np.lexsort((when, -r, i, u))
    u, i, r = u[by], i[by], r[by]
    new = np.r_[True, (u[1:] != u[:-1]) | (i[1:] != i[:-1])]
    found, row = np.unique(u[new], return_inverse=True)
    data.rows = len(found)
    data.row_of = np.full(data.users, -1, np.intp)
    data.row_of[found] = np.arange(len(found))
    data.truth_user, data.truth_item, data.relevance = row.reshape(-1), i[new], r[new]
    data.truth_time = None if when is None else when[by][new]
    data.relevant = np.bincount(data.truth_user, minlength=data.rows)
    data.keys = data.truth_user.astype(np.int64) * data.items + data.truth_item
    data.gains_of = data.relevance


def repeated(data: Ranked) -> float:
    """Share of the relevant test pairs that are training pairs too."""
    if data.train_user is None or data.train_item is None:
        return 0.0
    row = data.row_of[data.train_user]
    own = row >= 0
    key = row[own].astype(np.int64) * data.items + data.train_item[own]
    return float(np.isin(data.keys, key).mean())
