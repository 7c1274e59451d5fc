"""Two-sample tests against exact references, and their level by simulation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from holdfast.stats.twosample import (
    chi_square,
    fisher,
    fisher_upper,
    holm,
    homogeneity_test,
    score_test,
)

COUNTS = st.lists(st.integers(0, 30), min_size=2, max_size=8)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 60), st.integers(0, 60))
def test_fisher_agrees_with_the_hypergeometric_law(marked, rest, other, other_rest):
    rows, other_rows = marked + rest, other + other_rest
    got = fisher_upper(marked, rows, other, other_rows)
    if not rows or not other_rows or not marked:
        assert got == 1.0
        return
    expected = stats.hypergeom.sf(marked - 1, rows + other_rows, marked + other, rows)
    assert got == pytest.approx(expected, rel=1e-8)


def test_fisher_holds_with_fifty_million_rows():
    n = 50_000_000
    # far from the edge the normal law is right
    z = 2_000 / math.sqrt(2 * 5e5 * 0.99)
    assert fisher(502_000, n, 500_000, n) == pytest.approx(math.erfc(z / math.sqrt(2)), rel=0.02)
    assert fisher(0, n, 0, n) == 1.0
    assert fisher(n, n, n, n) == 1.0


@pytest.mark.parametrize(
    ("name", "shares", "rows"),
    [
        ("even", np.ones(16) / 16, (50, 50)),
        ("skewed", np.array([0.96, 0.03, 0.01]), (200, 2000)),
        ("very skewed, few against many", np.array([0.9, 0.05, 0.03, 0.02]), (50, 5000)),
    ],
)
def test_the_saddlepoint_follows_the_exact_tail(name, shares, rows):
    rng = np.random.default_rng(0)
    score = np.arange(len(shares)) ** 1.5
    pooled = np.round(shares * sum(rows)).astype(np.int64)
    n = rows[0]
    draws = rng.multivariate_hypergeometric(pooled, n, size=100_000, method="marginals")
    sums = draws @ score
    for chance in (0.05, 0.01, 0.001):
        typical = draws[np.argmin(np.abs(sums - np.quantile(sums, 1 - chance)))]
        exact = (sums >= typical @ score - 1e-9).mean()
        got = score_test(typical, pooled - typical, score) / 2
        # at 0.001 the simulation itself knows the tail to 10 %
        assert got == pytest.approx(exact, rel=0.25)


@settings(max_examples=60, deadline=None)
@given(COUNTS, st.randoms())
def test_every_p_value_is_a_probability_whatever_the_counts(counts, random):
    first = np.array(counts, np.int64)
    second = np.array([random.randrange(30) for _ in counts], np.int64)
    score = np.array([random.uniform(-5, 5) for _ in counts])
    assert 0.0 <= score_test(first, second, score) <= 1.0
    assert 0.0 < homogeneity_test(first, second) <= 1.0
    assert score_test(first, first, score) > 0.99


def test_two_samples_of_one_source_keep_the_level():
    rng = np.random.default_rng(1)
    shares = np.array([0.4, 0.3, 0.15, 0.1, 0.05])
    score = np.array([0.0, 1.0, 2.0, 5.0, 20.0])
    small = {"score": 0, "cells": 0}
    runs = 1_500
    for i in range(runs):
        a, b = rng.multinomial(60, shares), rng.multinomial(400, shares)
        small["score"] += score_test(a, b, score) <= 0.05
        small["cells"] += homogeneity_test(a, b, seed=i) <= 0.05
    high = stats.binom.ppf(0.999, runs, 0.05)
    assert max(small.values()) <= high, small
    assert min(small.values()) >= 0.02 * runs, small  # and is not asleep


def test_chi_square_is_pearsons():
    a, b = np.array([10, 20, 0, 30]), np.array([12, 15, 0, 40])
    keep = [0, 1, 3]
    expected = stats.chi2_contingency(np.array([a[keep], b[keep]]), correction=False)
    got, freedom = chi_square(a, b)
    assert (got, freedom) == (pytest.approx(expected.statistic), expected.dof)


def test_thin_tables_are_simulated_and_large_ones_are_not():
    a, b = np.array([9, 1, 0, 0, 0]), np.array([9, 3, 6, 6, 6])
    p = homogeneity_test(a, b)
    assert p == homogeneity_test(a, b)  # seeded
    asymptotic = stats.chi2_contingency(np.array([a, b]), correction=False).pvalue
    assert 0.2 < p / asymptotic < 5
    large = np.array([5000, 5000, 5000]), np.array([50000, 52000, 48000])
    exact = stats.chi2_contingency(np.array(large), correction=False).pvalue
    assert homogeneity_test(*(c * 10 for c in large)) < exact


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_never_lowers_and_keeps_the_order(p):
    adjusted = holm(p)
    assert all(a >= b for a, b in zip(adjusted, p, strict=True))
    assert all(a <= 1 for a in adjusted)
    ranked = sorted(range(len(p)), key=lambda i: p[i])
    assert all(adjusted[i] <= adjusted[j] for i, j in itertools.pairwise(ranked))


def test_holm_is_empty_without_tests():
    assert holm([]) == []


def test_empty_samples_tell_nothing():
    none, some = np.zeros(3, np.int64), np.array([1, 2, 3])
    assert score_test(none, some, np.arange(3.0)) == 1.0
    assert homogeneity_test(none, some) == 1.0
    assert score_test(some, some, np.ones(3)) == 1.0
