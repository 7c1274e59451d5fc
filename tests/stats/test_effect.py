"""Effects against closed forms; their intervals by simulation against the stated coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from holdfast.stats.effect import mid_ranks, moved_share, share_change, shift, strength


def _binned(rng, rows, edges, move=0.0, scale=1.0):
    return np.histogram(rng.normal(move, scale, rows), edges)[0]


EDGES = np.r_[-np.inf, stats.norm.ppf(np.arange(1, 64) / 64), np.inf]


@pytest.mark.parametrize("move", [0.0, 0.1, 0.5, 2.0])
def test_the_shift_of_normals_has_its_closed_form(move):
    rng = np.random.default_rng(0)
    old, new = _binned(rng, 200_000, EDGES), _binned(rng, 200_000, EDGES, move)
    expected = (stats.norm.cdf(move / np.sqrt(2)) - 0.5) * np.sqrt(12)
    assert shift(old, new, mid_ranks(old)).value == pytest.approx(expected, abs=0.012)


@pytest.mark.parametrize(("rows", "rows_now"), [(50, 50), (2000, 100), (5000, 5000)])
@pytest.mark.parametrize("move", [0.0, 0.4])
def test_the_interval_of_a_shift_covers_as_stated(rows, rows_now, move):
    rng = np.random.default_rng(1)
    truth = (stats.norm.cdf(move / np.sqrt(2)) - 0.5) * np.sqrt(12)
    runs, held = 400, 0
    for _ in range(runs):
        old, new = _binned(rng, rows, EDGES), _binned(rng, rows_now, EDGES, move)
        found = shift(old, new, mid_ranks(old))
        held += found.low <= truth <= found.high
    assert held >= stats.binom.ppf(0.001, runs, 0.935)  # stated .95, somewhat narrow when few


@pytest.mark.parametrize("size", [0.0, 0.1, 0.3, 0.6])
@pytest.mark.parametrize(("rows", "rows_now"), [(300, 300), (20_000, 1000)])
def test_the_interval_of_a_strength_covers_as_stated(size, rows, rows_now):
    rng = np.random.default_rng(2)
    p = np.full(8, 1 / 8)
    q = p * (1 + size * np.tile([1.0, -1.0], 4))
    share = rows_now / (rows + rows_now)
    mixed = (1 - share) * p + share * q
    # what the statistic estimates: both samples against the pooled shares
    truth = np.sqrt(((p - q) ** 2 / mixed).sum())
    runs, held = 300, 0
    for _ in range(runs):
        found = strength(rng.multinomial(rows, p), rng.multinomial(rows_now, q))
        held += found.low <= truth <= found.high
    assert held >= stats.binom.ppf(0.001, runs, 0.93)


def test_few_rows_do_not_look_strong_by_being_few():
    rng = np.random.default_rng(3)
    p = np.full(10, 0.1)
    found = [
        strength(rng.multinomial(60, p), rng.multinomial(60, p)).value ** 2 for _ in range(400)
    ]
    naive = 9 * (1 / 60 + 1 / 60)
    assert np.mean(found) < 0.45 * naive
    assert (
        np.mean([moved_share(rng.multinomial(60, p), rng.multinomial(60, p)) for _ in range(99)])
        < 0.08
    )


def test_the_share_that_moved_is_total_variation_in_the_limit():
    assert moved_share(np.array([5, 5]) * 10**6, np.array([9, 1]) * 10**6) == pytest.approx(
        0.4, abs=1e-4
    )
    assert moved_share(np.zeros(2, np.int64), np.array([1, 1])) == 0.0


def test_what_cannot_be_computed_says_why():
    none, some = np.zeros(2, np.int64), np.array([5, 5])
    assert shift(none, some, np.arange(2.0)).why_not == "too few rows"
    assert shift(np.array([9, 0]), some, np.arange(2.0)).why_not == "the reference is constant"
    assert strength(some, none).why_not == "too few rows"
    assert share_change(0, 0, 1, 2).why_not == "no rows"


def test_newcombes_interval_covers_a_change_of_rare_shares():
    rng = np.random.default_rng(4)
    runs, held = 600, 0
    for _ in range(runs):
        a, b = rng.binomial(500, 0.01), rng.binomial(2000, 0.03)
        found = share_change(a, 500, b, 2000)
        held += found.low <= 0.02 <= found.high
    assert held >= stats.binom.ppf(0.001, runs, 0.94)
