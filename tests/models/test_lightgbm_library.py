"""LightGBM's C library alone predicts what the package predicts, and loads none of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest

from holdfast.errors import ModelError
from holdfast.models.lightgbm_library import TextBooster

SRC = Path(__file__).parents[2] / "src"


@pytest.mark.parametrize("classes", [2, 3])
def test_scores_are_bit_equal_to_the_packages_own(classes: int):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 4))
    X[rng.random(X.shape) < 0.1] = np.nan
    y = rng.integers(0, classes, 500)
    settings = {"objective": "binary", "verbose": -1, "num_threads": 1}
    if classes > 2:
        settings |= {"objective": "multiclass", "num_class": classes}
    booster = lgb.train(settings, lgb.Dataset(X, y), 10)
    lean = TextBooster(booster.model_to_string())
    assert (lean.num_feature(), lean.num_model_per_iteration()) == (4, 1 if classes == 2 else 3)
    np.testing.assert_array_equal(lean.predict(X), booster.predict(X, num_threads=1))


def test_a_text_that_is_no_model_is_refused():
    with pytest.raises(ModelError, match="refused"):
        TextBooster("not a model")


def test_rows_of_another_width_are_refused_before_the_library_sees_them():
    rng = np.random.default_rng(0)
    data = lgb.Dataset(rng.normal(size=(100, 3)), rng.integers(0, 2, 100))
    booster = lgb.train({"objective": "binary", "verbose": -1}, data, 2)
    with pytest.raises(ModelError, match="do not fit"):
        TextBooster(booster.model_to_string()).predict(np.zeros((2, 5)))


def test_predicting_imports_neither_the_package_nor_what_it_wants():
    code = (
        "import sys\n"
        "from holdfast.models.lightgbm import LightGBMModel\n"
        "from holdfast.models.lightgbm_library import library\n"
        "import holdfast.releases.release, holdfast.releases.build\n"
        "library()\n"
        "print([m for m in ('lightgbm', 'sklearn', 'scipy', 'pandas', 'narwhals')"
        " if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(SRC)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
