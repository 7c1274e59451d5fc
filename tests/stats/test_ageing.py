"""Slopes with age: exact on exact lines, and right as often as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from holdfast.stats.ageing import weighted_slope, within_slope


def test_the_weighted_slope_agrees_with_least_squares_where_points_scatter_more_than_they_say():
    rng = np.random.default_rng(0)
    x, y = np.arange(12.0), rng.normal(size=12)
    fit = stats.linregress(x, y)
    half = stats.t.ppf(0.975, 10) * fit.stderr
    expected = (fit.slope, fit.slope - half, fit.slope + half)
    assert weighted_slope(x, y, np.full(12, 1e-3)) == pytest.approx(expected, abs=1e-9)


def test_two_points_or_one_time_give_no_slope():
    assert all(math.isnan(v) for v in weighted_slope(np.arange(2.0), np.arange(2.0), np.ones(2)))
    assert all(math.isnan(v) for v in weighted_slope(np.ones(5), np.arange(5.0), np.ones(5)))
    one = np.zeros(4, dtype=np.int64)
    assert math.isnan(within_slope(np.arange(4.0), np.ones(4), one, np.arange(4))[0])


def _triangle(size):
    return [np.array(v) for v in zip(*[(p, m) for p in range(size) for m in range(p + 1)],
                                     strict=True)]  # fmt: skip


def test_how_hard_a_part_is_does_not_touch_the_slope_with_age():
    part, model = _triangle(6)
    age = (part - model).astype(float)
    hard = np.array([0.0, 5, -3, 8, 1, 2])[part]
    slope, low, high = within_slope(age, hard - 0.1 * age, part, model)
    assert (slope, low, high) == pytest.approx((-0.1, -0.1, -0.1), abs=1e-9)


def test_models_that_do_not_age_are_called_ageing_in_about_five_percent():
    part, model = _triangle(8)
    age = (part - model).astype(float)
    rng = np.random.default_rng(1)
    missed = 0
    for _ in range(500):
        score = rng.normal(size=8)[part] + 0.5 * rng.normal(size=8)[model]
        score += rng.normal(size=len(part))
        _, low, high = within_slope(age, score, part, model)
        missed += not low <= 0.0 <= high
    assert missed / 500 < 0.09
