"""Paired statistics against scipy, closed forms and published figures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from holdfast.stats.influence import (
    auc_influence,
    cluster_error,
    delong_paired_variance,
    mean_influence,
    r2_influence,
)
from holdfast.stats.multiplicity import benjamini_hochberg
from holdfast.stats.paired import (
    five_by_two_f,
    mcnemar_exact,
    normal_p,
    paired_bootstrap,
    paired_share_interval,
    t_quantile,
    t_upper,
)
from holdfast.stats.ranking import delong_variance, roc_auc


@settings(max_examples=60)
@given(st.integers(0, 200), st.integers(0, 200))
def test_mcnemar_agrees_with_the_exact_binomial_test(b, c):
    expected = stats.binomtest(b, b + c, 0.5).pvalue if b + c else 1.0
    assert mcnemar_exact(b, c) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=60)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_benjamini_hochberg_agrees_with_scipy(p):
    assert benjamini_hochberg(p) == pytest.approx(list(stats.false_discovery_control(p)), abs=1e-9)


def test_no_tests_give_no_adjusted_values():
    assert benjamini_hochberg([]) == []


def test_the_five_by_two_statistic_agrees_with_its_definition():
    rng = np.random.default_rng(0)
    gaps = rng.normal(size=(5, 2))
    variance = gaps.var(axis=1, ddof=1).sum()
    statistic = (gaps**2).sum() / (2 * variance)
    f, p = five_by_two_f(gaps)
    assert f == pytest.approx(statistic, abs=1e-9)
    assert p == pytest.approx(stats.f.sf(statistic, 10, 5), abs=1e-9)


def test_the_five_by_two_statistic_of_equal_and_of_constant_differences_is_settled():
    assert five_by_two_f(np.zeros((5, 2))) == (0.0, 1.0)
    assert five_by_two_f(np.ones((5, 2))) == (math.inf, 0.0)


def test_the_paired_share_interval_gives_newcombes_published_figures():
    # Newcombe 1998, table II, method 10
    for counts, low, high in (
        ((36, 12, 2, 0), 0.0569, 0.3404),
        ((54, 0, 0, 0), -0.0664, 0.0664),
        ((0, 30, 0, 0), 0.8395, 1.0),
    ):
        assert paired_share_interval(*counts) == pytest.approx((low, high), abs=6e-4)


@settings(max_examples=60)
@given(*[st.integers(0, 50)] * 4)
def test_the_paired_share_interval_holds_the_difference_and_turns_with_the_models(a, b, c, d):
    if not a + b + c + d:
        return
    low, high = paired_share_interval(a, b, c, d)
    assert low - 1e-12 <= (b - c) / (a + b + c + d) <= high + 1e-12
    assert paired_share_interval(a, c, b, d) == pytest.approx((-high, -low), abs=1e-12)


def test_student_quantiles_and_tails_agree_with_scipy():
    assert t_quantile(0.9, 7) == pytest.approx(stats.t.ppf(0.95, 7), abs=1e-9)
    assert t_quantile(0.95, math.inf) == pytest.approx(1.959963984540054, abs=1e-9)
    assert t_upper(1.3, 4) == pytest.approx(stats.t.sf(1.3, 4), abs=1e-9)
    assert normal_p(1.3, 0.7) == pytest.approx(2 * stats.norm.sf(1.3 / 0.7), abs=1e-9)


def _scores(seed, n=60, ties=False):
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < 0.4
    a = rng.normal(size=n) + truth
    b = a + rng.normal(size=n)
    return (truth, np.round(a), np.round(b)) if ties else (truth, a, b)


@pytest.mark.parametrize("ties", [False, True])
def test_the_paired_delong_variance_agrees_with_the_definition_by_all_pairs(ties):
    truth, a, b = _scores(1, ties=ties)

    def kernel(score):
        up, down = score[truth][:, None], score[~truth][None, :]
        return (up > down) + 0.5 * (up == down)

    gap = kernel(b) - kernel(a)
    expected = gap.mean(axis=1).var(ddof=1) / truth.sum()
    expected += gap.mean(axis=0).var(ddof=1) / (~truth).sum()
    assert delong_paired_variance(truth, a, b) == pytest.approx(expected, abs=1e-12)


def test_the_influence_of_the_auc_gives_its_value_and_delongs_variance():
    truth, a, _ = _scores(2)
    auc, rows = auc_influence(truth, a)
    m, n = truth.sum(), (~truth).sum()
    assert auc == pytest.approx(roc_auc(truth, a), abs=1e-12)
    assert rows.sum() == pytest.approx(0.0, abs=1e-12)
    variance = (rows[truth] ** 2).sum() * m / (m - 1) + (rows[~truth] ** 2).sum() * n / (n - 1)
    assert variance == pytest.approx(delong_variance(truth, a), abs=1e-12)


def test_one_row_a_cluster_is_no_cluster_at_all_and_gives_the_textbook_error():
    x = np.random.default_rng(3).normal(size=30)
    _, rows = mean_influence(x)
    expected = x.std(ddof=1) / math.sqrt(30)
    assert cluster_error(rows, [None])[0] == pytest.approx(expected, abs=1e-12)
    assert cluster_error(rows, [np.arange(30)])[0] == pytest.approx(expected, abs=1e-12)


def test_rows_given_twice_do_not_make_the_error_smaller_when_clustered():
    x = np.random.default_rng(4).normal(size=40)
    once = cluster_error(mean_influence(x)[1], [None])[0]
    twice = mean_influence(np.repeat(x, 2))[1]
    assert cluster_error(twice, [np.repeat(np.arange(40), 2)])[0] == pytest.approx(once, abs=1e-12)
    assert cluster_error(twice, [None])[0] < once


def test_one_cluster_alone_gives_no_error():
    error, count = cluster_error(np.array([0.5, -0.5]), [np.zeros(2, dtype=np.int64)])
    assert math.isnan(error)
    assert count == 0


def test_the_influence_of_r2_is_its_derivative_in_the_row_weights():
    rng = np.random.default_rng(5)
    truth, predicted = rng.normal(size=50), rng.normal(size=50)
    value, rows = r2_influence(truth, predicted)

    def weighted(w):
        mean = (w * truth).sum() / w.sum()
        return 1 - (w * (truth - predicted) ** 2).sum() / (w * (truth - mean) ** 2).sum()

    assert value == pytest.approx(weighted(np.ones(50)), abs=1e-12)
    step = 1e-6
    for row in (0, 17):
        nudged = np.ones(50)
        nudged[row] += step
        assert rows[row] == pytest.approx((weighted(nudged) - value) / step, abs=1e-5)


def test_scores_of_one_class_or_one_value_have_no_score():
    assert math.isnan(auc_influence(np.ones(3, dtype=bool), np.arange(3.0))[0])
    assert math.isnan(r2_influence(np.ones(3), np.arange(3.0))[0])
    assert math.isnan(delong_paired_variance(np.array([True, False]), np.zeros(2), np.zeros(2)))


def test_a_bootstrap_without_usable_draws_tells_nothing():
    assert all(math.isnan(x) for x in paired_bootstrap(np.array([math.nan]), 0.0))
    assert paired_bootstrap(np.zeros(10), 0.0)[2] == 1.0
