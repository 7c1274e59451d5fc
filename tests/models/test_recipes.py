"""The recipes train on an Arrow table without pandas, also with one input fewer."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from holdfast.errors import ModelError
from holdfast.models import load
from holdfast.models.recipes import boosted_trees, logistic_regression

RECIPES = [boosted_trees, logistic_regression]


@pytest.fixture(scope="module")
def table() -> pa.Table:
    rng = np.random.default_rng(0)
    job = rng.choice(["fixed", "partime"], 600)
    age = rng.integers(20, 60, 600)
    bad = (job == "partime") ^ (rng.random(600) < 0.1)
    ages = [None if i % 50 == 0 else int(a) for i, a in enumerate(age)]
    return pa.table({"job": job, "age": ages, "status": np.where(bad, "bad", "good")})


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_scores_the_positive_class(recipe, table: pa.Table):
    model = recipe(table, ("job", "age"), "status", positive="bad")
    scores = model.predict([{"job": "partime", "age": 30}, {"job": "fixed", "age": None}])
    assert model.positive == "bad"
    assert scores[0] > 0.7
    assert scores[1] < 0.3


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_trains_without_a_feature_for_the_fallbacks(recipe, table: pa.Table):
    assert recipe(table, ("age",), "status").features == ("age",)


@pytest.mark.parametrize("recipe", RECIPES)
def test_what_a_recipe_trains_is_saved_and_loaded_safely(recipe, table: pa.Table, tmp_path):
    model = recipe(table, ("job", "age"), "status")
    model.save(tmp_path)
    assert np.array_equal(load(tmp_path).predict_table(table), model.predict_table(table))


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_gives_the_same_model_twice(recipe, table: pa.Table):
    one, two = (recipe(table, ("job", "age"), "status").predict_table(table) for _ in range(2))
    assert np.array_equal(one, two)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_null_or_a_third_label_in_the_target_is_refused(recipe, table: pa.Table):
    with pytest.raises(ModelError, match="the target has nulls"):
        recipe(pa.table({"a": [1, 2], "y": ["good", None]}), ("a",), "y")
    with pytest.raises(ModelError, match="neither two labels nor a number"):
        recipe(pa.table({"a": [1, 2, 3], "y": ["a", "b", "c"]}), ("a",), "y")
    with pytest.raises(ModelError, match="positive label is not in the target"):
        recipe(table, ("age",), "status", positive="worse")


def test_a_numeric_target_makes_a_regression_of_trees_and_is_refused_by_the_logistic(table):
    numbers = table.drop_columns("age").append_column("y", pa.array(np.arange(600.0)))
    assert boosted_trees(numbers, ("job",), "y").task == "regression"
    with pytest.raises(ModelError, match="two labels"):
        logistic_regression(numbers, ("job",), "y")


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_leaves_out_times_free_texts_and_empty_columns(recipe, table: pa.Table):
    rows = table.num_rows
    more = (
        table.append_column("day", pa.array(range(rows), pa.date32()))
        .append_column("name", pa.array([f"person {i}" for i in range(rows)]))
        .append_column("empty", pa.array([None] * rows, pa.float64()))
    )
    features = ("job", "day", "name", "empty", "age")
    assert recipe(more, features, "status", positive="bad").features == ("job", "age")


def test_a_table_without_any_usable_column_is_refused(table: pa.Table):
    more = table.append_column("day", pa.array(range(table.num_rows), pa.date32()))
    with pytest.raises(ModelError, match="no column to learn from"):
        boosted_trees(more, ("day",), "status")
