"""Cost scorers inside scikit-learn's own model selection, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV, cross_val_score

from holdfast.errors import DataError, UsageError
from holdfast.evaluation import Costs
from holdfast.integrations import cost_scorer
from holdfast.integrations.scorers import mean_cost

COSTS = Costs(false_positive=1, false_negative=9)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (600, 2))
    y = (rng.random(600) < 1 / (1 + np.exp(-(x[:, 0] - 1)))).astype(int)
    return x, y


def test_a_scorer_is_minus_the_mean_cost_by_hand(data):
    x, y = data
    model = LogisticRegression().fit(x, y)
    p = model.predict_proba(x)[:, 1]
    for threshold, cut in ((None, 0.5), (0.2, 0.2), ("costs", 0.1)):
        said = p >= cut
        want = -((said & (y == 0)).sum() + 9 * (~said & (y == 1)).sum()) / len(y)
        got = cost_scorer(COSTS, threshold=threshold)(model, x, y)
        assert got == pytest.approx(want, abs=1e-12)


def test_grid_search_chooses_what_costs_least(data):
    x, y = data
    models = [{"strategy": ["constant"], "constant": [0, 1]}]
    found = GridSearchCV(DummyClassifier(), models, scoring=cost_scorer(COSTS), cv=3).fit(x, y)
    assert found.best_params_["constant"] == 1
    cheap = cost_scorer(Costs(9, 1))
    found = GridSearchCV(DummyClassifier(), models, scoring=cheap, cv=3).fit(x, y)
    assert found.best_params_["constant"] == 0


def test_the_tuned_threshold_goes_down_when_misses_are_dear(data):
    x, y = data
    tuned = {
        costs.false_negative: TunedThresholdClassifierCV(
            LogisticRegression(), scoring=cost_scorer(costs), cv=3
        ).fit(x, y)
        for costs in (Costs(1, 9), Costs(9, 1))
    }
    assert tuned[9].best_threshold_ < 0.3 < tuned[1].best_threshold_


def test_labels_that_are_texts_have_their_positive_class(data):
    x, y = data
    words = np.where(y == 1, "bad", "good")
    model = LogisticRegression().fit(x, words)
    numbers = LogisticRegression().fit(x, y)
    for threshold in (None, 0.2, "costs"):
        got = cost_scorer(COSTS, threshold=threshold, positive="bad")(model, x, words)
        assert got == pytest.approx(cost_scorer(COSTS, threshold=threshold)(numbers, x, y))
    tuned = TunedThresholdClassifierCV(
        LogisticRegression(), scoring=cost_scorer(COSTS, positive="bad"), cv=3
    ).fit(x, words)
    dear = (tuned.predict(x) == "bad").mean()
    assert dear > (model.predict(x) == "bad").mean()


def test_rows_bring_their_own_costs_as_metadata(data):
    x, y = data
    amount = np.abs(x[:, 1]) * 100
    scorer = cost_scorer(COSTS)
    with sklearn.config_context(enable_metadata_routing=True):
        scorer.set_score_request(false_negative_cost=True)
        grid = [{"strategy": ["constant"], "constant": [0, 1]}]
        search = GridSearchCV(DummyClassifier(), grid, scoring=scorer, cv=3)
        found = search.fit(x, y, false_negative_cost=amount)
        assert found.best_params_["constant"] == 1
        free = search.fit(x, y, false_negative_cost=np.zeros(len(y)))
        assert free.best_params_["constant"] == 0
        tuned = TunedThresholdClassifierCV(LogisticRegression(), scoring=scorer, cv=3)
        tuned.fit(x, y, false_negative_cost=amount)
        assert tuned.best_threshold_ < 0.3


def test_rows_take_their_costs_from_x_by_a_function(data):
    x, y = data
    scorer = cost_scorer(lambda X: {"false_negative": np.abs(X[:, 1]) * 100}, threshold="costs")
    model = LogisticRegression().fit(x, y)
    p, amount = model.predict_proba(x)[:, 1], np.abs(x[:, 1]) * 100
    said = p * (1 + amount) >= 1
    want = -np.where(said, y == 0, (y == 1) * amount).mean()
    assert scorer(model, x, y) == pytest.approx(want)
    assert cross_val_score(LogisticRegression(), x, y, scoring=scorer, cv=3).shape == (3,)
    with pytest.raises(UsageError, match="kind"):
        cost_scorer(lambda _: {"amount": 1})(model, x, y)


def test_bad_thresholds_and_costs_are_refused_in_words():
    with pytest.raises(UsageError, match="threshold"):
        cost_scorer(COSTS, threshold=5)
    with pytest.raises(UsageError, match="threshold"):
        cost_scorer(COSTS, threshold="best")
    with pytest.raises(DataError, match="own"):
        mean_cost([0, 1], [0, 1], costs=COSTS, false_negative_cost=[1.0])
    with pytest.raises(DataError, match="fit"):
        mean_cost([0, 1], [0, 1, 1], costs=COSTS)
