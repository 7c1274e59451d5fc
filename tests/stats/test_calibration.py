"""Calibration: identities, a null that is kept, and miscalibration of known size."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.stats.calibration import Reliability, logit, slope_and_intercept
from holdfast.stats.logistic import expit
from holdfast.stats.ranked import Ranked
from holdfast.stats.resampling import clusters, independent


def made(n, seed, slope=1.0, shift=0.0):
    rng = np.random.default_rng(seed)
    p = rng.beta(2.0, 6.0, n)
    truth = rng.random(n) < p
    score = expit(slope * logit(p) + shift)
    return truth, score, Ranked(truth, score)


def reliability(n, seed, **warp):
    truth, score, ranked = made(n, seed, **warp)
    return Reliability(truth, score, ranked, independent(n))


def test_the_brier_score_is_the_sum_of_its_parts():
    truth, score, ranked = made(700, 0, slope=1.5)
    parts = Reliability(truth, score, ranked, independent(700)).decomposition()
    brier = float(((score - truth) ** 2).mean())
    assert parts[0] - parts[1] + parts[2] + parts[3] == pytest.approx(brier, abs=1e-12)
    distinct = np.round(score, 1)
    exact = Reliability(truth, distinct, Ranked(truth, distinct), independent(700), bins=700)
    assert exact.decomposition()[3] == pytest.approx(0.0, abs=1e-12)


def test_the_debiased_error_of_a_calibrated_model_is_zero_in_the_middle():
    errors = [reliability(500, seed).error() for seed in range(60)]
    assert np.median(errors) < 0.004
    plain = [
        float((r.share * abs(r.gap)).sum()) for r in (reliability(500, seed) for seed in range(60))
    ]
    assert np.median(plain) > 0.03


def test_the_debiased_error_of_a_shifted_model_is_its_error():
    truth, score, ranked = made(40_000, 1, shift=0.8)
    p = expit(logit(score) - 0.8)
    want = float(np.abs(p - score).mean())
    assert Reliability(truth, score, ranked, independent(40_000)).error() == pytest.approx(
        want, abs=0.01
    )


def test_the_null_keeps_its_level_and_finds_a_tilt():
    chance = [reliability(300, seed).null(0.95, seed)[0] for seed in range(200)]
    assert sum(p < 0.05 for p in chance) <= 18  # 5% of 200 and three standard errors
    assert reliability(2_000, 3, slope=1.6).null(0.95, 0)[0] < 0.01
    assert reliability(30_000, 4, slope=1.1).null(0.95, 0)[0] < 0.01


def test_the_band_holds_the_bins_of_a_calibrated_model():
    inside = []
    for n, seed in ((600, 5), (600, 6), (25_000, 7), (25_000, 8)):
        r = reliability(n, seed)
        _, band = r.null(0.95, seed)
        inside += ((band[:, 0] <= r.observed) & (r.observed <= band[:, 1])).tolist()
    assert np.mean(inside) > 0.85


@pytest.mark.parametrize("n", [1_500, 20_000])
def test_slope_and_intercept_are_those_that_were_put_in(n):
    truth, score, ranked = made(n, 9, slope=2.0, shift=0.5)
    slope, _ = slope_and_intercept(truth, score, ranked)
    assert abs(slope[0] - 0.5) < 3 * slope[1]
    truth, score, ranked = made(n, 10, shift=0.5)
    slope, intercept = slope_and_intercept(truth, score, ranked)
    assert abs(slope[0] - 1.0) < 3 * slope[1]
    assert abs(intercept[0] + 0.5) < 3 * intercept[1]


def test_repeated_rows_widen_band_and_test():
    truth, score, _ = made(300, 11)
    twice, ids = np.repeat(np.arange(300), 4), np.repeat(np.arange(300), 4)
    ranked = Ranked(truth[twice], score[twice])
    r = Reliability(truth[twice], score[twice], ranked, clusters(ids))
    assert r.effect == pytest.approx(4.0, rel=0.05)
    single = Reliability(truth[twice], score[twice], ranked, independent(1200))
    assert r.null(0.95, 0)[0] >= single.null(0.95, 0)[0]
