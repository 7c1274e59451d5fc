"""The window that old rows spoil is cut; without a change nothing is thrown away."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.retraining.value import Answer, worth
from holdfast.retraining.windows import ALL, WINDOWS, candidates, choose, held_back, interval

ROWS = 2_000


def world(seed: int, change: int | None):
    """Rows of a linear truth that turns around at a change; least squares, squared losses."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(ROWS, 5))
    beta = np.array([1.0, -1.0, 0.5, 0.0, 0.3])
    side = np.ones(ROWS) if change is None else np.where(np.arange(ROWS) >= change, -1.0, 1.0)
    y = side * (x @ beta) + rng.normal(size=ROWS)
    calls = []

    def judge(fit, held):
        calls.append(len(fit))
        found, *_ = np.linalg.lstsq(x[fit], y[fit], rcond=None)
        return (y[held] - x[held] @ found) ** 2

    return judge, calls


def test_after_a_change_of_concept_only_rows_since_it_are_taken():
    chosen = 0
    for seed in range(20):
        judge, _ = world(seed, 1_300)
        chosen += choose(np.arange(ROWS), [1_300], judge).window.since == 1_300
    assert chosen == 20


def test_without_a_change_all_rows_are_taken_also_where_one_was_suspected():
    chosen = 0
    for seed in range(20):
        judge, _ = world(seed, None)
        chosen += choose(np.arange(ROWS), [1_300], judge).window == ALL
    assert chosen >= 19


def test_every_window_is_trained_once_and_never_on_the_rows_it_is_judged_on():
    judge, calls = world(0, 1_300)
    seen = []

    def watching(fit, held):
        seen.append((fit, held))
        return judge(fit, held)

    found = choose(np.arange(ROWS), [1_300, 900, 400, 1_500], watching)
    assert len(calls) <= WINDOWS
    assert all(fit.max() < held.min() for fit, held in seen)
    assert len(found.losses) == found.held
    assert found.sentences[-1].startswith("taken: ")


def test_few_rows_are_all_taken_and_that_is_said():
    found = choose(np.arange(150), [], lambda fit, held: np.zeros(len(held)))
    assert (found.window, found.tried) == (ALL, ())
    assert "too few to choose" in found.sentences[0]


@given(st.lists(st.integers(-50, 3_000), max_size=6), st.integers(0, 2_000))
def test_windows_begin_inside_of_the_rows_and_differ(changes, rows):
    at = np.arange(rows)
    found = candidates(at, changes)
    assert found[0] == ALL
    begins = [w.since for w in found[1:]]
    assert len(set(begins)) == len(begins)
    assert all(0 < begin < rows for begin in begins) or rows < 2
    assert 0 <= held_back(at, changes) <= max(1, rows // 4)


def test_what_retraining_is_worth_covers_the_truth():
    hits = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        old = rng.exponential(1.0, 500)
        new = old - 0.1 + rng.normal(0, 0.5, 500)
        found = worth(old, new, metric="log_loss")
        hits += found.low <= 0.1 <= found.high
    assert hits >= 186  # 95 % of 200, less three standard errors of a binomial


def test_a_model_that_cannot_get_better_is_told_so():
    rng = np.random.default_rng(0)
    old = rng.exponential(1.0, 2_000)
    found = worth(old, old + 0.2 + rng.normal(0, 0.1, 2_000), metric="cost", rows_per_day=1_000)
    assert found.answer is Answer.WOULD_NOT_HELP
    assert "would not help" in found.sentences[-1]
    assert "over 30 days of 1,000 rows a day" in found.sentences[1]


@pytest.mark.parametrize("rows", [0, 1, 19])
def test_few_rows_tell_nothing_of_the_worth(rows):
    assert worth(np.ones(rows), np.zeros(rows), metric="cost").answer is Answer.COULD_NOT_TELL


def test_rows_that_not_both_answered_do_not_count():
    old, new = np.ones(400), np.zeros(400)
    old[:100] = np.nan
    assert worth(old, new, metric="cost").rows == 300


def test_equal_losses_have_no_gap():
    assert interval(np.zeros(400)) == (0.0, 0.0)
