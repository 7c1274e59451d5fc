"""The CV gap table: it shows what random cross-validation hides, and only that."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest
from benchmarks.evaluation.cv_gap import clean, drifting, leaky_groups
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from holdfast.errors import DataError, UsageError
from holdfast.evaluation import cv_gap
from holdfast.reports import FORMATS, render


def test_leaky_groups_make_a_gap_of_at_least_15_points_and_the_random_row_is_not_to_be_quoted():
    found = cv_gap(leaky_groups(0), target="y", group="person")
    assert found.row("group").gap.value >= 0.15
    assert found.row("random").do_not_quote
    assert (found.passed, found.quote) == (False, "group")
    assert found.findings[0].code == "HF-E321"
    assert "do not quote" in render(found.document(), "text")


def test_rows_that_drift_make_a_gap_against_the_forward_split():
    found = cv_gap(drifting(0), target="y", event_time="when", group="person")
    assert found.row("forward").matters
    assert [row.split for row in found.table] == ["random", "group", "forward", "forward + group"]
    assert found.quote == "forward + group"


def test_rows_without_groups_or_drift_are_not_marked():
    marked = sum(
        cv_gap(clean(seed, 800), target="y", event_time="when", group="person",
               model=LogisticRegression()).passed is False
        for seed in range(12)
    )  # fmt: skip
    assert marked <= 1


def test_every_split_is_scored_on_the_same_rows_and_learns_from_as_many():
    trained, tested = [], []

    def model(train, test):
        trained.append(train.num_rows)
        tested.extend(test.column("when").to_pylist())
        assert "y" not in test.column_names
        return np.zeros(test.num_rows)

    found = cv_gap(clean(0, 600), target="y", event_time="when", group="person", model=model)
    assert set(trained) == {found.trained}
    assert sorted(tested) == sorted(np.repeat(np.arange(300, 600), 4).tolist())


def test_a_label_delay_keeps_rows_away_whose_outcome_was_not_known():
    def model(train, test):
        latest.append((train.column("when").to_pylist(), min(test.column("when").to_pylist())))
        return np.zeros(test.num_rows)

    latest = []
    cv_gap(clean(0, 600), target="y", event_time="when", model=model, label_delay=50)
    forward = latest[5:]
    assert len(forward) == 5
    assert all(max(train) + 50 <= first for train, first in forward)


@pytest.mark.parametrize("kind", ["pandas", "polars", "dict"])
def test_estimators_are_fed_the_users_own_kind_of_frame(kind):
    rows = clean(1, 400)
    frame = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "dict": dict}[kind](rows)
    seen = []

    class Watching(LogisticRegression):
        def fit(self, x, y):
            seen.append(type(x))
            return super().fit(x, y)

    found = cv_gap(frame, target="y", event_time="when", group="person", model=lambda: Watching())
    assert found.row("forward").score.value > 0.6
    wanted = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "dict": np.ndarray}[kind]
    assert set(seen) == {wanted}


def test_a_pipeline_is_cloned_and_left_as_it_was():
    frame = pd.DataFrame(clean(2, 400))
    frame["job"] = np.random.default_rng(0).choice(["a", "b"], 400)
    from sklearn.compose import make_column_transformer

    pipe = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["job"]), (StandardScaler(), ["x"])),
        LogisticRegression(),
    )
    assert cv_gap(frame, target="y", group="person", model=pipe).row("group").score.value > 0.6
    assert not hasattr(pipe[-1], "coef_")


def test_numbers_and_classes_are_scored_by_r2_and_accuracy():
    rng = np.random.default_rng(3)
    x = rng.normal(size=400)
    frame = {"x": x, "g": rng.integers(0, 40, 400), "number": x + 0.1 * rng.normal(size=400),
             "word": np.where(x < -0.5, "low", np.where(x > 0.5, "high", "mid"))}  # fmt: skip
    numbers = cv_gap(frame, target="number", group="g", features=["x"])
    words = cv_gap(frame, target="word", group="g", features=["x"])
    assert (numbers.metric, words.metric) == ("r2", "accuracy")
    assert min(numbers.row("random").score.value, words.row("random").score.value) > 0.85


def test_a_loss_gets_a_gap_of_the_same_direction():
    found = cv_gap(leaky_groups(1), target="y", group="person", metric="log_loss")
    assert found.row("group").gap.value > 0
    assert found.row("random").do_not_quote


def test_too_few_groups_cannot_be_split_and_the_table_says_so():
    frame = clean(4, 400)
    frame["person"] = (np.arange(400) % 3).tolist()
    found = cv_gap(frame, target="y", event_time="when", group="person", model=LogisticRegression())
    assert found.row("group").score.value is None
    assert "5 are needed" in found.row("group").score.why_not
    assert (found.passed, found.quote) == (None, None)
    assert {f.code for f in found.findings} >= {"HF-E322"}


def test_rows_without_a_target_are_left_out_and_counted():
    frame = clean(5, 400)
    frame["y"] = [None if i % 10 == 0 else v for i, v in enumerate(frame["y"])]
    found = cv_gap(frame, target="y", group="person", model=LogisticRegression())
    assert (found.left_out, found.rows) == (40, 360)


@pytest.mark.parametrize(
    ("change", "options", "error"),
    [
        ({}, {}, UsageError),
        ({}, {"group": "nobody"}, DataError),
        ({"y": [1] * 400}, {"group": "person"}, DataError),
        ({"y": [None] * 400}, {"group": "person"}, DataError),
        ({"y": [0.5, float("inf")] * 200}, {"group": "person", "task": "regression"}, DataError),
        ({"when": [None] * 400}, {"event_time": "when"}, DataError),
        ({"x": ["free"] * 399 + [None]}, {"group": "person", "features": []}, Exception),
        ({}, {"group": "person", "folds": 1}, UsageError),
        ({}, {"group": "person", "metric": "r2"}, UsageError),
        ({}, {"group": "person", "task": "survival"}, UsageError),
        ({}, {"group": "person", "positive": "maybe"}, UsageError),
        ({}, {"group": "person", "model": 5}, UsageError),
        ({}, {"group": "person", "model": lambda a, b: [0.0]}, DataError),
        ({}, {"event_time": "when", "label_delay": "soon"}, UsageError),
    ],
)
def test_bad_input_is_a_clear_error(change, options, error):
    from holdfast.errors import HoldfastError

    with pytest.raises(HoldfastError) as caught:
        cv_gap({**clean(6, 400), **change}, target="y", **options)
    assert isinstance(caught.value, error)


def test_the_record_shows_itself_in_every_format():
    found = cv_gap(clean(7, 400), target="y", group="person", model=LogisticRegression())
    for name in FORMATS:
        assert render(found.document("test"), name)
    assert json.loads(found.to_json())["quote"] == "group"
    assert found.to_frame().column("split").to_pylist() == ["random", "group"]
