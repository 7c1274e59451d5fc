"""A rise of the loss is told soon, a stable one hardly ever, however often one looks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import DataError, UsageError
from holdfast.retraining.losswatch import LossWatch
from holdfast.stats.intervals import clopper_pearson


def log_losses(rng: np.random.Generator, rows: int, worse: float = 0.0) -> np.ndarray:
    """Losses of a model that is right about its own probabilities, or wrong by a shift."""
    logit = rng.normal(-2.0, 1.2, rows)
    truth = rng.random(rows) < 1 / (1 + np.exp(-(logit + worse)))
    score = 1 / (1 + np.exp(-logit))
    return -np.log(np.where(truth, score, 1 - score))


MEAN = float(log_losses(np.random.default_rng(0), 400_000).mean())


def watch(**changes) -> LossWatch:
    return LossWatch(MEAN, MEAN, **{"rise": 0.05, "confidence": 0.95} | changes)


def rows_until_told(seed: int, rows: int, worse: float, **changes) -> int | None:
    """Rows until the first look, after each block, that tells of a rise; None: never."""
    rng = np.random.default_rng(seed)
    losses, found = log_losses(rng, rows, worse), watch(**changes)
    for start in range(0, rows, 50):
        found.update(losses[start : start + 50], np.arange(start, start + 50))
        if found.signal().risen:
            return start + 50
    return None


def test_within_a_thousand_rows_of_a_stable_loss_a_false_alarm_is_as_rare_as_promised():
    """The promise is 5 %, at the very edge of what is no rise; here the loss is at that edge."""
    alarms = sum(rows_until_told(seed, 1_000, 0.0, rise=1e-9) is not None for seed in range(300))
    bound = clopper_pearson(alarms, 300, 0.99)
    assert bound.low <= 0.05, alarms


def test_a_stable_loss_runs_for_twenty_thousand_rows_on_average():
    runs = [rows_until_told(seed, 20_000, 0.0) or 20_000 for seed in range(12)]
    assert np.mean(runs) > 18_000, runs


def test_a_loss_that_rose_by_a_fifth_is_told_within_few_thousand_rows():
    risen = float(log_losses(np.random.default_rng(1), 400_000, 0.55).mean())
    assert 1.15 < risen / MEAN < 1.35
    runs = [rows_until_told(seed, 12_000, 0.55) for seed in range(12)]
    assert None not in runs
    assert np.median([run or 0 for run in runs]) < 4_000, runs


@settings(max_examples=30)
@given(st.lists(st.integers(0, 400), max_size=6), st.integers(0, 5))
def test_the_same_rows_in_any_batches_give_the_same_state(cuts, seed):
    losses, at = log_losses(np.random.default_rng(seed), 400, 0.8), np.arange(400)
    whole, parts = watch(), watch()
    whole.update(losses, at)
    for part in np.split(np.arange(400), sorted(cuts)):
        parts.update(losses[part], at[part])
        parts = LossWatch.load(parts.dump())
    assert parts.dump() == whole.dump()


def test_the_begin_of_a_rise_is_found_after_a_long_calm():
    rng = np.random.default_rng(3)
    losses = np.concatenate([log_losses(rng, 20_000), log_losses(rng, 4_000, 1.5)])
    found = watch()
    found.update(losses, np.arange(len(losses)))
    signal = found.signal()
    assert signal.risen
    assert abs(signal.since - 20_000) < 500
    assert signal.low < losses[20_000:].mean() < signal.high


def test_a_loss_that_comes_down_again_is_no_rise_any_more():
    rng = np.random.default_rng(4)
    found = watch()
    found.update(log_losses(rng, 4_000, 1.5), np.arange(4_000))
    assert found.signal().risen
    found.update(log_losses(rng, 40_000), np.arange(4_000, 44_000))
    assert found.signal().risen is False


def test_a_rise_within_the_interval_of_the_release_is_none():
    found = LossWatch(0.3, 0.5, rise=0.05)
    found.update(np.full(20_000, 0.45), np.arange(20_000))
    assert found.signal().risen is False


def test_few_rows_are_not_judged():
    found = watch()
    found.update(np.full(199, 5.0), np.arange(199))
    signal = found.signal()
    assert (signal.risen, signal.estimate) == (None, None)
    assert signal.why == "199 judged rows, 200 are needed"


def test_rows_without_a_loss_are_left_out():
    found = watch()
    found.update(np.array([0.1, np.nan, 0.2]), np.arange(3))
    assert found.rows == 2


@pytest.mark.parametrize("bad", [-0.1, np.inf])
def test_what_is_no_loss_is_refused_whole(bad):
    found = watch()
    before = found.dump()
    with pytest.raises(DataError, match="no losses"):
        found.update(np.array([0.1, bad]), np.arange(2))
    assert found.dump() == before


def test_losses_without_end_keep_the_bets_numbers():
    found = watch()
    found.update(np.full(200_000, 30.0), np.arange(200_000))
    assert found.signal().risen
    assert np.isfinite(found.evidence)


@pytest.mark.parametrize(
    "changes", [{"rise": 0.0}, {"confidence": 0.5}, {"confidence": 1.0}, {"block": 0}]
)
def test_settings_out_of_range_are_refused(changes):
    with pytest.raises(UsageError, match="cannot be set up"):
        watch(**changes)


def test_what_is_no_state_is_refused():
    with pytest.raises(DataError, match="not the state"):
        LossWatch.load(b"\x80")
