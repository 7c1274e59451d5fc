"""Units of resampling: design effects and bootstraps against what is known of the population."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.stats.resampling import MOST_UNITS, blocks, clusters, draw, independent


def test_rows_that_repeat_count_once():
    rng = np.random.default_rng(0)
    values = np.repeat(rng.normal(size=200), 5)
    units = clusters(np.repeat(np.arange(200), 5))
    assert units.count == 200
    assert units.design_effect(values - values.mean()) == pytest.approx(5.0, rel=0.02)


def test_independent_rows_have_no_design_effect():
    values = np.random.default_rng(1).normal(size=500)
    assert independent(500).design_effect(values - values.mean()) == 1.0
    assert clusters(np.arange(500)).of_row is None
    many = clusters(np.random.default_rng(2).integers(0, 100, 500))
    assert many.design_effect(values - values.mean()) < 1.5


def test_blocks_are_stretches_of_time_and_keep_a_moment_together():
    times = np.array([3, 1, 2, 2, 2, 9, 8, 7, 6, 5] * 10)
    units = blocks(times, count=4)
    for moment in np.unique(times):
        assert len(set(units.of_row[times == moment].tolist())) == 1
    order = np.argsort(times, kind="stable")
    assert (np.diff(units.of_row[order]) >= 0).all()


def test_blocks_see_dependence_over_time():
    rng = np.random.default_rng(3)
    level = np.repeat(rng.normal(size=100), 20)
    values = level + rng.normal(size=2000)
    effect = blocks(np.arange(2000)).design_effect(values - values.mean())
    assert 5 < effect < 20  # (20 x 20 + 20) / 40 = 10.5


def test_each_draw_takes_as_many_units_as_there_are():
    weights = draw(50, 30, seed=1)
    assert weights.shape == (30, 50)
    assert (weights.sum(axis=1) == 50).all()
    assert (weights == draw(50, 30, seed=1)).all()


def test_merged_units_keep_the_variance_of_a_mean():
    rng = np.random.default_rng(4)
    n = 40_000
    values = rng.exponential(size=n)
    unit, count = independent(n).merged(n, seed=0)
    assert count == MOST_UNITS
    sums, rows = np.bincount(unit, weights=values), np.bincount(unit)
    weights = draw(count, 2_000, seed=2)
    means = (weights @ sums) / (weights @ rows)
    assert means.std() == pytest.approx(values.std() / np.sqrt(n), rel=0.1)


def test_merging_keeps_a_cluster_whole():
    ids = np.repeat(np.arange(3_000), 2)
    unit, _ = clusters(ids).merged(len(ids), seed=0)
    assert (unit[::2] == unit[1::2]).all()
