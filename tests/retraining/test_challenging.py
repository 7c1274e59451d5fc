"""A challenger is told better only where it is, however often one looks; slices have their say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import DataError
from holdfast.retraining.challenging import challenge
from holdfast.stats.intervals import clopper_pearson


def losses(rng: np.random.Generator, rows: int, worse: float = 0.0):
    """Log losses of two models over the same rows; the second errs in its logit by `worse`."""
    logit = rng.normal(-1.0, 1.5, rows)
    truth = rng.random(rows) < 1 / (1 + np.exp(-logit))

    def loss(said):
        score = 1 / (1 + np.exp(-said))
        return -np.log(np.where(truth, score, 1 - score))

    return loss(logit + rng.normal(0, 0.3, rows)), loss(logit + worse + rng.normal(0, 0.3, rows))


def test_of_two_equal_models_none_is_told_certainly_better_more_often_than_promised():
    told = 0
    for seed in range(400):
        old, new = losses(np.random.default_rng(seed), 2_000)
        told += challenge(old, new).certain
    assert clopper_pearson(told, 400, 0.99).low <= 0.05, told


def test_a_better_challenger_is_told_before_the_estimate_must_decide():
    told = [
        challenge(new, old)
        for old, new in (losses(np.random.default_rng(seed), 2_000, 1.2) for seed in range(40))
    ]
    assert all(v.state == "better" for v in told)
    assert sum(v.certain for v in told) >= 36


def test_rows_in_common_tell_more_than_rows_apart():
    old, new = losses(np.random.default_rng(1), 2_000, 0.4)
    paired = challenge(new, old)
    apart = challenge(new, np.random.default_rng(2).permutation(old))
    assert paired.high - paired.low < (apart.high - apart.low) / 2


def test_what_the_interval_does_not_tell_the_estimate_decides_once():
    rng = np.random.default_rng(5)
    old = rng.exponential(1.0, 6_000)
    new = old - 0.001 + rng.normal(0, 0.5, 6_000)
    before = challenge(old[:1_999], new[:1_999])
    assert (before.state, before.decided_at) == ("undecided", None)
    assert "at 2,000 rows the estimate decides" in before.sentences[1]
    at = challenge(old[:2_000], new[:2_000])
    assert (at.state, at.certain, at.decided_at) == (
        "better" if (old - new)[:2_000].mean() >= 0 else "worse", False, 2_000,
    )  # fmt: skip
    assert "not by its interval" in at.sentences[1]
    assert challenge(old, new) == at


@settings(max_examples=40)
@given(st.integers(0, 1_000), st.integers(400, 2_000))
def test_what_is_decided_stays_decided(seed, rows):
    old, new = losses(np.random.default_rng(seed), 2_000, 1.0)
    first = challenge(new[:rows], old[:rows])
    if first.state != "undecided":
        assert challenge(new, old).decided_at == first.decided_at
        assert challenge(new, old).state == first.state


def test_a_gain_that_is_asked_for_must_be_reached():
    old = np.full(1_000, 0.5) + np.tile([0.0, 0.1], 500)
    assert challenge(old, old - 0.05, by=0.01).state == "better"
    assert challenge(old, old - 0.05, by=0.06).state == "worse"


def test_a_slice_that_got_worse_stops_a_challenger_that_is_better_on_the_whole():
    rng = np.random.default_rng(7)
    old = rng.exponential(0.5, 2_000)
    region = np.where(np.arange(2_000) % 5 == 0, "north", "south")
    new = np.where(region == "north", old * 1.5, old * 0.7)
    found = challenge(old, new, slices={"region": region})
    assert found.state == "slice_worse"
    [bad] = [part for part in found.slices if part.worse]
    assert (bad.name, bad.rows, round(bad.rise, 3)) == ("region=north", 400, 0.5)
    assert "worse in region=north" in " ".join(found.sentences)


def test_equal_slices_are_not_told_worse_more_often_than_promised():
    told = 0
    for seed in range(200):
        old, new = losses(np.random.default_rng(seed), 2_000)
        group = np.random.default_rng(seed + 1_000).integers(0, 4, 2_000)
        found = challenge(old, new, slices={"group": group}, slice_drop=0.0)
        told += any(part.worse for part in found.slices)
    assert clopper_pearson(told, 200, 0.99).low <= 0.05, told


def test_a_slice_of_few_rows_is_not_called_sound():
    old = np.random.default_rng(0).random(1_000)
    rare = np.where(np.arange(1_000) < 10, "rare", "usual")
    found = challenge(old, old - 0.01, slices={"kind": rare})
    [part] = [p for p in found.slices if p.name == "kind=rare"]
    assert (part.worse, part.low) == (None, None)
    assert "too few rows to be judged: kind=rare" in found.sentences[-1]


def test_rows_that_not_both_answered_are_left_out():
    old = np.array([0.5, np.nan, 0.5] * 300)
    new = np.array([0.4, 0.4, np.nan] * 300)
    assert challenge(old, new).rows == 300


@pytest.mark.parametrize("rows", [0, 1, 399])
def test_few_rows_tell_nothing(rows):
    found = challenge(np.ones(rows), np.zeros(rows))
    assert (found.state, found.low) == ("undecided", None)


def test_losses_of_different_rows_are_refused():
    with pytest.raises(DataError, match="different rows"):
        challenge(np.ones(3), np.ones(4))
