from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.detection.columns.quiet import (
    MOST_DEFF,
    MULTIPLES,
    QUIET,
    highest,
    highest_sum,
    rounded,
    settle,
    spread,
)


def plain_highest(steps):
    wealth = best = 0.0
    for step in steps:
        wealth = max(wealth, 0.0) + step
        best = max(best, wealth)
    return best


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=80))
def test_the_highest_wealth_equals_a_loop(steps):
    column = np.array(steps, float)[:, None]
    assert highest(column)[0] == plain_highest(steps)


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=80))
def test_the_highest_sum_of_all_starts_equals_a_loop(steps):
    starts, best = [], -np.inf
    for step in steps:
        starts = [x + step for x in [*starts, 0.0]]
        best = max(best, np.logaddexp.reduce(starts))
    assert highest_sum(np.array(steps, float)[:, None])[0] == pytest.approx(best, abs=1e-9)


def test_rounding_goes_down_and_onto_the_grid():
    steps = np.random.default_rng(0).normal(size=1000)
    for grid in (2.0**14, 2.0**20):
        low = rounded(steps, grid)
        assert (low <= steps).all()
        assert (steps - low < 1 / grid).all()
        assert (low * grid == np.rint(low * grid)).all()


def test_independent_rows_show_no_ups_and_downs():
    """At most 5 % of 400 questions are significant by chance at 2.5 standard errors."""
    hits = np.random.default_rng(0).binomial(20, 0.3, (500, 400)).astype(float)
    found = spread(hits, np.full((500, 400), 20.0), np.full(400, 0.21))
    assert (found.deff > 1.0).mean() <= 0.05
    assert found.between.max() < 0.02


@pytest.mark.parametrize("size", [0.05, 0.15])
def test_tides_are_measured_at_their_size(size):
    tide = 0.4 + size * np.sin(np.arange(2000) / 40.0)
    hits = np.random.default_rng(1).binomial(20, tide)[:, None].astype(float)
    found = spread(hits, np.full((2000, 1), 20.0), np.array([0.24]))
    assert found.between[0] == pytest.approx(size / np.sqrt(2), rel=0.3)
    assert 1.0 < found.deff[0] <= MOST_DEFF


def test_a_clumped_reference_divides_evidence_by_its_clumps():
    rng = np.random.default_rng(2)
    rows = np.repeat(rng.random(4000) < 0.3, 10)  # every value ten times in a row
    hits = rows.reshape(-1, 20).sum(axis=1).astype(float)[:, None]
    found = spread(hits, np.full((len(hits), 1), 20.0), np.array([0.21]))
    assert found.deff[0] == pytest.approx(10.0, rel=0.35)


def test_few_blocks_say_nothing():
    found = spread(np.array([[1.0], [19.0]] * 3), np.full((6, 1), 20.0), np.array([0.25]))
    assert (found.between.tolist(), found.deff.tolist()) == ([0.0], [1.0])


def test_each_bet_gets_the_smallest_multiple_that_keeps_it_quiet():
    needed = np.array([1.0, 3.2, 18.0, 99.0])

    def steps_at(multiple, chosen):
        loud = needed[chosen] > multiple
        return np.where(loud, QUIET + 1.0, -1.0)[None, :]

    mult, muted = settle(4, steps_at)
    assert mult.tolist() == [1.0, 3.2, 18.0, MULTIPLES[-1]]
    assert muted.tolist() == [False, False, False, True]
