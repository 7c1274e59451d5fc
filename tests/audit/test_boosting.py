"""The background model by LightGBM's C interface: the numbers of its Python interface."""

from __future__ import annotations

import lightgbm
import numpy as np
import pytest

from holdfast.audit.boosting import Boosted
from holdfast.audit.scoring import parameters


def rows(task: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(800, 5)).astype(np.float32)
    x[rng.random((800, 5)) < 0.1] = np.nan
    told = np.nan_to_num(x[:, 0]) + rng.normal(size=800)
    if task == "regression":
        return x, told
    return x, (np.digitize(told, [-0.7, 0.7]) if task == "multiclass" else told > 0).astype(float)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_predictions_and_gains_are_those_of_the_python_interface(task):
    x, y = rows(task)
    told = parameters(len(y), task, 3, seed=1)
    ours = Boosted(x, y, told, 30)
    theirs = lightgbm.train(told, lightgbm.Dataset(x, y, params=told), num_boost_round=30)
    assert ours.predict(x) == pytest.approx(theirs.predict(x), abs=1e-12)
    assert ours.gains() == pytest.approx(theirs.feature_importance("gain"), rel=1e-5)


def test_a_wrong_parameter_is_an_error_that_says_so():
    x, y = rows("binary")
    with pytest.raises(RuntimeError, match="LightGBM"):
        Boosted(x, y, {"objective": "unheard", "verbose": -1}, 2)
