"""Recommended lists: ranx's numbers, closed forms, rivals, warnings, bad input."""

from __future__ import annotations

import math
import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.errors import DataError, HoldfastError, UsageError
from holdfast.evaluation import evaluate_ranking
from holdfast.reports import render

#: made with ranx 0.3.21 (Qrels and Run of `_ranx_case`, users without a list given one item that
#: is not relevant; ranx.evaluate, make_comparable=False), in a venv of its own
RANX = {
    "ndcg@1": 0.05, "map@1": 0.00486111111111111, "mrr@1": 0.05,
    "recall@1": 0.00486111111111111, "hit_rate@1": 0.05, "precision@1": 0.05,
    "ndcg@3": 0.09244002609899787, "map@3": 0.024090909090909086, "mrr@3": 0.14583333333333331,
    "recall@3": 0.04407828282828283, "hit_rate@3": 0.275, "precision@3": 0.10833333333333332,
    "ndcg@5": 0.09652594974075493, "map@5": 0.031159552253302247, "mrr@5": 0.18708333333333332,
    "recall@5": 0.06801524864024863, "hit_rate@5": 0.45, "precision@5": 0.10500000000000001,
    "ndcg@10": 0.11973442678477268, "map@10": 0.04613888040971374, "mrr@10": 0.20486111111111108,
    "recall@10": 0.1266930291930292, "hit_rate@10": 0.575, "precision@10": 0.10500000000000001,
    "ndcg@20": 0.1621583050477838, "map@20": 0.061691417813768724, "mrr@20": 0.21428571428571427,
    "recall@20": 0.23420676545676544, "hit_rate@20": 0.725, "precision@20": 0.09,
}  # fmt: skip


def _ranx_case():
    rng = random.Random(7)
    truth, lists = {"user": [], "item": [], "rel": []}, {"user": [], "item": [], "score": []}
    for u in range(40):
        items = [f"i{j}" for j in range(60)]
        for item in (relevant := rng.sample(items, rng.randint(1, 14))):
            truth["user"].append(f"u{u}")
            truth["item"].append(item)
            truth["rel"].append(1 if u % 2 else rng.randint(1, 3))
        assert relevant
        if u % 13 != 5:
            for place, item in enumerate(rng.sample(items, rng.randint(1, 30))):
                lists["user"].append(f"u{u}")
                lists["item"].append(item)
                lists["score"].append(round(1 - place / 50, 4))
    return truth, lists


def test_accuracy_metrics_are_those_of_ranx():
    truth, lists = _ranx_case()
    got = evaluate_ranking(truth, lists, k=[10, 1, 3, 5, 20], relevance="rel")
    for name, value in RANX.items():
        e = got.metrics[name]
        assert e.value == pytest.approx(value, abs=1e-9), name
        assert e.low <= e.value <= e.high
        assert e.n == 40
    assert next(f for f in got.findings if f.code == "HF-E225").evidence["users"] == 3


def test_metrics_by_hand():
    # a: relevant 1, 2, 3; list 9, 2, 1 - b: relevant 4; list 5, 6
    truth = {"user": ["a", "a", "a", "b"], "item": [1, 2, 3, 4]}
    lists = {"user": ["a", "a", "a", "b", "b"], "item": [9, 2, 1, 5, 6]}
    got = evaluate_ranking(truth, lists, k=3)
    dcg = 1 / math.log2(3) + 1 / math.log2(4)
    best = 1 + dcg
    assert got.value("ndcg@3") == pytest.approx(dcg / best / 2)
    assert got.value("map@3") == pytest.approx((1 / 2 + 2 / 3) / 3 / 2)
    assert got.value("mrr@3") == pytest.approx(0.25)
    assert got.value("recall@3") == pytest.approx(2 / 3 / 2)
    assert got.value("hit_rate@3") == 0.5
    assert got.value("precision@3") == pytest.approx(1 / 3)
    assert got.value("coverage@3") == pytest.approx(5 / 7)
    assert got.value("gini@3") == pytest.approx(2 / 7)


def test_novelty_popularity_lift_and_diversity_by_hand():
    train = {"user": ["a", "b", "c", "a", "b"], "item": [1, 1, 1, 2, 3]}
    truth = {"user": ["a", "b"], "item": [3, 2]}
    lists = {"user": ["a", "b"] * 2, "item": [3, 2, 1, 1], "score": [2.0, 2.0, 1.0, 1.0]}
    features = {"item": [1, 2, 3], "x": [1.0, 0.0, 1.0], "y": [0.0, 2.0, 1.0]}
    got = evaluate_ranking(truth, lists, train=train, k=2, item_features=features)
    # shares of the three training users: item 1 has 3/3, items 2 and 3 have 1/3
    assert got.value("popularity@2") == pytest.approx(2 / 3)
    assert got.value("popularity_lift@2") == pytest.approx(0.0)
    assert got.value("novelty@2") == pytest.approx((-math.log2(2 / 4) - math.log2(4 / 4)) / 2)
    # 3 and 1 are at 45 degrees, 2 and 1 at 90
    assert got.value("diversity@2") == pytest.approx((1 - math.sqrt(0.5) + 1) / 2)


def test_the_rivals_know_only_training_and_leave_known_items_out():
    train = {
        "user": ["a", "a", "b", "b", "c", "c"],
        "item": [1, 2, 1, 3, 1, 3],
        "t": [1, 2, 1, 2, 1, 2],
    }
    truth = {"user": ["a", "b"], "item": [3, 2], "t": [9, 9]}
    lists = {"user": ["a", "b"], "item": [2, 2]}
    got = evaluate_ranking(truth, lists, train=train, k=1, event_time="t")
    assert got.baselines["popularity"].metrics["hit_rate@1"] == 1.0
    assert got.baselines["last_seen"].metrics["hit_rate@1"] == 0.0
    assert not got.baselines["last_seen"].counts
    again = evaluate_ranking(
        {"user": ["a", "b"], "item": [2, 3], "t": [9, 9]}, lists, train=train, k=1, event_time="t"
    )
    assert again.facts["repeats"]
    assert again.baselines["last_seen"].metrics["hit_rate@1"] == 1.0
    assert again.baselines["last_seen"].counts


def _world(seed: int = 0, users: int = 150, items: int = 300):
    """Users of five tastes; each likes items of its taste, popular ones more."""
    rng = np.random.default_rng(seed)
    weight = 1 / np.arange(1, items + 1)
    rows = {"train": [], "test": []}
    for u in range(users):
        liked = np.where(np.arange(items) % 5 == u % 5, 8.0, 1.0) * weight
        chosen = rng.choice(items, 24, replace=False, p=liked / liked.sum())
        rows["train"] += [(u, int(i), t) for t, i in enumerate(chosen[:18])]
        rows["test"] += [(u, int(i), 100 + t) for t, i in enumerate(chosen[18:])]
    tables = {
        name: pa.table(
            dict(zip(("user", "item", "t"), map(list, zip(*r, strict=True)), strict=True))
        )
        for name, r in rows.items()
    }
    return tables["train"], tables["test"], weight


def _lists(train, score, k: int = 20):
    had: dict[int, set[int]] = {}
    for u, i in zip(train["user"].to_pylist(), train["item"].to_pylist(), strict=True):
        had.setdefault(u, set()).add(i)
    out = {"user": [], "item": [], "score": []}
    for u, known in had.items():
        s = score(u).copy()
        s[list(known)] = -1
        for i in np.argsort(-s)[:k]:
            out["user"].append(u)
            out["item"].append(int(i))
            out["score"].append(float(s[i]))
    return pa.table(out)


def test_a_recommender_that_knows_tastes_passes_and_popularity_itself_does_not():
    train, test, weight = _world()
    taste = _lists(train, lambda u: weight * np.where(np.arange(300) % 5 == u % 5, 8, 1))
    got = evaluate_ranking(test, taste, train=train, event_time="t")
    assert got.passed is True
    count = np.bincount(train["item"].to_numpy(), minlength=300).astype(float)
    popular = evaluate_ranking(test, _lists(train, lambda _: count), train=train, event_time="t")
    assert popular.baselines["popularity"].verdict == "no evidence of gain"
    assert popular.passed is None
    noise = np.random.default_rng(0).random(300)
    drawn = evaluate_ranking(test, _lists(train, lambda _: noise), train=train, event_time="t")
    assert drawn.passed is False
    assert evaluate_ranking(test, popular_lists := _lists(train, lambda _: count),
                            champion=taste).passed is False  # fmt: skip
    assert popular_lists.num_rows


def test_users_are_resampled_and_the_interval_covers():
    rng = np.random.default_rng(0)
    runs, inside = 100, 0
    for seed in range(runs):
        hit = rng.random(60) < 0.3
        truth = {"user": list(range(60)), "item": [0] * 60}
        lists = {"user": list(range(60)), "item": [0 if h else 1 for h in hit]}
        e = evaluate_ranking(truth, lists, k=1, seed=seed).metrics["ndcg@1"]
        inside += e.low <= 0.3 <= e.high
    assert inside >= 0.95 * runs - 3.5 * math.sqrt(runs * 0.95 * 0.05)


def test_a_random_split_of_ordered_interactions_is_an_error_and_never_passes():
    train, test, weight = _world()
    late = train.set_column(2, "t", pa.array([200] * train.num_rows))
    taste = _lists(train, lambda u: weight * np.where(np.arange(300) % 5 == u % 5, 8, 1))
    got = evaluate_ranking(test, taste, train=late, event_time="t")
    finding = next(f for f in got.findings if f.code == "HF-E221")
    assert finding.evidence == {"users": 150, "of": 150}
    assert got.passed is None
    mixed = train.set_column(2, "t", pa.array([103 + 0 * i for i in range(train.num_rows)]))
    some = test.filter(pa.compute.greater(test["t"], 103))
    later = evaluate_ranking(some, taste, train=mixed, event_time="t")
    assert "HF-E221" not in {f.code for f in later.findings}


def test_lists_of_sampled_candidates_are_noticed():
    train, test, weight = _world()
    rng = np.random.default_rng(1)
    out = {"user": [], "item": [], "score": []}
    by_user: dict[int, list[int]] = {}
    for u, i in zip(test["user"].to_pylist(), test["item"].to_pylist(), strict=True):
        by_user.setdefault(u, []).append(i)
    for u, relevant in by_user.items():
        for i in {*relevant, *rng.integers(0, 300, 50).tolist()}:
            out["user"].append(u)
            out["item"].append(i)
            out["score"].append(float(weight[i]))
    got = evaluate_ranking(test, out, train=train)
    assert "HF-E220" in {f.code for f in got.findings}
    assert got.passed is not True
    full = evaluate_ranking(test, out, train=train, sampled=False)
    assert "HF-E220" not in {f.code for f in full.findings}
    honest = evaluate_ranking(test, _lists(train, lambda _: weight), train=train)
    assert "HF-E220" not in {f.code for f in honest.findings}


def test_known_items_doubles_and_leaked_pairs_are_findings():
    train = {"user": ["a"] * 3 + ["b"] * 97, "item": [1, 2, 3, *range(97)]}
    truth = {"user": ["a"] * 200, "item": [1, *range(100, 299)]}
    lists = {"user": ["a", "a", "a"], "item": [1, 1, 100]}
    codes = {f.code for f in evaluate_ranking(truth, lists, train=train).findings}
    assert {"HF-E223", "HF-E226", "HF-E228"} <= codes


def test_a_hundred_thousand_users_and_items_are_no_trouble():
    n = 100_000
    ids = np.arange(n)
    truth = pa.table({"user": ids, "item": ids})
    lists = pa.table({"user": ids, "item": np.where(ids % 2, ids, 0)})
    train = pa.table({"user": ids, "item": (ids + 1) % n})
    got = evaluate_ranking(truth, lists, train=train, k=5)
    assert got.value("hit_rate@5") == pytest.approx(0.50001)
    assert len(render(got.document(), "html")) < 1_000_000


def test_ids_stay_out_of_the_report():
    truth, lists = _ranx_case()
    got = evaluate_ranking(truth, lists, relevance="rel")
    for text in (got.to_json(), render(got.document(), "html")):
        assert "u13" not in text
        assert "i42" not in text


_BAD = {
    "no column": ({"user": [1]}, {"user": [1], "item": [1]}),
    "empty": ({"user": pa.array([], pa.int64()), "item": pa.array([], pa.int64())},
              {"user": [1], "item": [1]}),
    "null id": ({"user": [1, None], "item": [1, 2]}, {"user": [1], "item": [1]}),
    "texts and numbers": ({"user": ["1"], "item": [1]}, {"user": [1], "item": [1]}),
    "nan score": ({"user": [1], "item": [1]},
                  {"user": [1], "item": [1], "score": [float("nan")]}),
    "text score": ({"user": [1], "item": [1]}, {"user": [1], "item": [1], "score": ["x"]}),
    "lengths": ({"user": [1, 2], "item": [1]}, {"user": [1], "item": [1]}),
}  # fmt: skip


@pytest.mark.parametrize("case", _BAD)
def test_bad_tables_are_refused_in_words(case):
    with pytest.raises(DataError):
        evaluate_ranking(*_BAD[case])


def test_nothing_relevant_and_no_length_are_refused_in_words():
    one = {"user": [1], "item": [1], "r": [0]}
    with pytest.raises(DataError, match="relevant"):
        evaluate_ranking(one, one, relevance="r")
    with pytest.raises(UsageError, match="k"):
        evaluate_ranking(one, one, k=0)


def test_empty_lists_score_zero():
    none = {"user": pa.array([], pa.int64()), "item": pa.array([], pa.int64())}
    got = evaluate_ranking({"user": [1, 2], "item": [1, 2]}, none, train={"user": [3], "item": [1]})
    assert got.value("ndcg@10") == 0.0
    assert got.metrics["gini@10"].value is None
    assert got.metrics["novelty@10"].value is None


_ids = st.one_of(st.none(), st.integers(0, 4), st.sampled_from(["a", "b"]))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(_ids, _ids), max_size=8),
       st.lists(st.tuples(_ids, _ids, st.floats()), max_size=8),
       st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=8))  # fmt: skip
def test_whatever_comes_in_an_answer_or_a_clear_error_comes_out(truth, lists, train):
    try:
        got = evaluate_ranking(
            {"user": [u for u, _ in truth], "item": [i for _, i in truth]},
            {name: [r[j] for r in lists] for j, name in enumerate(("user", "item", "score"))},
            train={"user": [u for u, _ in train], "item": [i for _, i in train]},
        )
    except HoldfastError:
        return
    render(got.document(), "text")
    got.to_json()


def test_a_perfect_recommender_is_not_taken_for_sampled():
    users = np.arange(100)
    truth = {"user": users, "item": users % 20}
    lists = {"user": np.repeat(users, 4), "item": (users[:, None] % 20 + [0, 20, 40, 60]).ravel()}
    got = evaluate_ranking(truth, lists, k=3, train={"user": users, "item": users + 100})
    assert got.value("ndcg@3") == 1.0
    assert got.passed is True
