"""A release gives scores, threshold, costs and importance to a comparison."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest

from holdfast.comparison import compare
from holdfast.contracts import Contract
from holdfast.evaluation import Costs
from holdfast.releases import Release


def lender(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age, income = rng.integers(20, 66, rows), rng.lognormal(7, 0.4, rows).round(2)
    bad = rng.random(rows) < 1 / (1 + np.exp((income - 1000) / 150 + (age - 40) / 20))
    return pd.DataFrame(
        {
            "age": age,
            "income": income,
            "noise": rng.normal(size=rows).round(4),
            "bad": bad.astype(int),
        }
    )


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    train = lender(1500, 1)
    features = ["age", "income", "noise"]
    model = lgb.LGBMClassifier(n_estimators=25, verbose=-1, n_jobs=1)
    return Release.build(
        model.fit(train[features], train["bad"]),
        train=train,
        validation=lender(800, 2),
        contract=Contract.learn(train, target="bad"),
        costs=Costs(1, 4),
        fallbacks="none",
        directory=tmp_path_factory.mktemp("releases"),
    )


def test_the_release_scores_both_sides_and_says_what_it_costs(release: Release):
    current = lender(3000, 4)
    current["income"] = current["income"] * 0.7
    found = compare(lender(3000, 3), current, release=release)
    effects = {e.what: e for e in found.consequences}
    assert set(effects) == {"score", "decisions", "money", "outcome"}
    assert effects["decisions"].moved is True
    assert effects["decisions"].change.value > 0
    assert effects["outcome"].moved is not True  # the outcome itself was drawn as before
    income = found.column("income")
    assert found.changed == ("income",)
    assert income.importance_from == "share of decisions its worst fault flips"
    assert income.importance > found.column("noise").importance
    assert income.matters is True
    assert income.cost_effect is not None


def test_an_unimportant_column_that_moved_is_no_failure(release: Release):
    current = lender(3000, 6)
    current["noise"] = current["noise"] + 0.4
    found = compare(lender(3000, 5), current, release=release)
    assert found.changed == ("noise",)
    assert found.column("noise").matters is False
    assert found.passed is True
