"""Intervals held against closed forms, an independent implementation and simulated coverage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as reference

from holdfast.stats.intervals import (
    allowance,
    binomial_tail,
    clopper_pearson,
    unseen_mass,
    wilson,
    wilson_upper,
)


@given(st.integers(0, 3000), st.integers(1, 3000), st.floats(1e-6, 1 - 1e-6))
def test_the_binomial_tail_agrees_with_an_independent_one(at_least, rows, share):
    at_least = min(at_least, rows)
    expected = reference.binom.sf(at_least - 1, rows, share)
    assert binomial_tail(at_least, rows, share) == pytest.approx(expected, rel=1e-8, abs=1e-300)


@pytest.mark.parametrize(("marked", "rows"), [(0, 10), (1, 10), (5, 10), (10, 10), (2, 4454)])
def test_clopper_pearson_agrees_with_an_independent_one(marked, rows):
    expected = reference.binomtest(marked, rows).proportion_ci(0.95, "exact")
    got = clopper_pearson(marked, rows)
    assert (got.low, got.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize(("marked", "rows"), [(0, 10), (3, 10), (10, 10), (2, 4454)])
def test_wilson_agrees_with_an_independent_one(marked, rows):
    expected = reference.binomtest(marked, rows).proportion_ci(0.95, "wilson")
    got = wilson(marked, rows)
    assert (got.low, got.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_the_upper_bound_covers_the_true_share_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    for share in (0.002, 0.02, 0.2):
        marked = rng.binomial(2000, share, size=2000)
        covered = np.mean([wilson_upper(int(k), 2000) >= share for k in marked])
        assert covered >= 0.97


def test_no_rows_give_no_estimate_and_say_why():
    assert wilson(0, 0).value is None
    assert wilson(0, 0).why_not == "no rows"
    assert clopper_pearson(0, 0).value is None
    assert unseen_mass(0, 0, 0).value is None
    assert wilson_upper(0, 0) == 1.0


@given(st.integers(0, 500), st.integers(1, 500))
def test_an_allowance_is_never_below_its_bound(marked, rows):
    marked = min(marked, rows)
    assert wilson_upper(marked, rows) <= allowance(marked, rows) <= 1


def test_the_unseen_mass_bounds_the_true_mass_of_a_heavy_tail():
    rng = np.random.default_rng(2)
    shares = 1 / np.arange(1, 3001) ** 1.1
    shares /= shares.sum()
    for _ in range(50):
        counts = np.bincount(rng.choice(3000, size=5000, p=shares), minlength=3000)
        true = shares[counts == 0].sum()
        bound = unseen_mass(int((counts == 1).sum()), int((counts == 2).sum()), 5000)
        assert true <= bound.high
