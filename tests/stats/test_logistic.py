"""The regression is scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from holdfast.stats.logistic import expit, logistic_fit


def make(n=800):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 3))
    y = rng.random(n) < expit(x @ [1.0, -0.5, 0.0] - 1.0)
    return x, y


def test_the_ridge_fit_is_scikit_learns():
    x, y = make()
    beta, cover = logistic_fit(np.c_[np.ones(len(x)), x], y.astype(float), ridge=1.0)
    want = LogisticRegression(C=1.0, tol=1e-10, max_iter=1000).fit(x, y)
    assert beta[0] == pytest.approx(want.intercept_[0], abs=1e-5)
    assert beta[1:] == pytest.approx(want.coef_[0], abs=1e-5)
    assert (np.sqrt(np.diag(cover)) < 0.2).all()


def test_weights_are_repeated_rows_and_an_offset_is_taken_as_it_is():
    x, y = make(200)
    design, target = np.c_[np.ones(200), x], y.astype(float)
    times = np.random.default_rng(1).integers(1, 4, 200)
    weighted = logistic_fit(design, target, weight=times.astype(float))[0]
    repeated = logistic_fit(np.repeat(design, times, axis=0), np.repeat(target, times))[0]
    assert weighted == pytest.approx(repeated, abs=1e-8)
    shifted = logistic_fit(design, target, offset=0.7)[0]
    plain = logistic_fit(design, target)[0]
    assert shifted[0] == pytest.approx(plain[0] - 0.7, abs=1e-6)


def test_classes_that_a_column_separates_stay_finite():
    x = np.r_[np.zeros(20), np.ones(20)]
    beta, _ = logistic_fit(np.c_[np.ones(40), x], x, ridge=1.0)
    assert np.isfinite(beta).all()
    assert beta[1] > 1
