"""Compiled linear models give what scikit-learn gives, and need nothing of it when loaded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    RobustScaler,
    StandardScaler,
)

from holdfast import models
from holdfast.errors import ModelError
from holdfast.models.blend import BlendModel
from holdfast.models.linear import LinearModel
from holdfast.models.linear_compile import compile_linear
from holdfast.models.nulled import NulledModel
from holdfast.models.sklearn import SklearnModel
from holdfast.models.training_side import Side, agree

# scikit-learn itself warns of categories it has not seen where one category is dropped
pytestmark = pytest.mark.filterwarnings("ignore:Found unknown categories:UserWarning")

FEATURES = ["job", "flag", "rooms", "age", "income", "since"]
ENV = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def loans(rows: int = 300, seed: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "job": rng.choice(["fixed", "free", "partime", ""], rows).astype(object),
            "flag": rng.random(rows) < 0.4,
            "rooms": rng.integers(1, 5, rows),
            "age": rng.integers(18, 80, rows),
            "income": rng.lognormal(7, 1, rows),
            "since": 1.7e9 + rng.normal(0, 1e7, rows),
        }
    )
    frame.loc[rng.random(rows) < 0.1, "job"] = None
    frame.loc[rng.random(rows) < 0.1, "income"] = np.nan
    risk = (frame.job == "partime") + 0.5 * frame.flag - frame.age / 40 + rng.normal(0, 1, rows)
    return frame.assign(y=np.where(risk > -0.7, "bad", "good"))


def words(**options):
    return OneHotEncoder(**{"handle_unknown": "ignore", **options})


def filled(strategy="median", **options):
    return SimpleImputer(strategy=strategy, **options)


def credit(numbers, texts=None):
    return make_pipeline(
        make_column_transformer(
            (numbers, ["age", "income", "since"]), (texts or words(), ["job", "flag", "rooms"])
        ),
        LogisticRegression(max_iter=200),
    )


SHAPES = {
    "median, indicator, standard": credit(
        make_pipeline(filled(add_indicator=True), StandardScaler())
    ),
    "mean, min-max": credit(make_pipeline(filled("mean"), MinMaxScaler((-1, 2)))),
    "most frequent, robust": credit(make_pipeline(filled("most_frequent"), RobustScaler())),
    "constant, largest": credit(
        make_pipeline(filled("constant", fill_value=-1.0, add_indicator=True), MaxAbsScaler())
    ),
    "scaled before imputed": credit(
        make_pipeline(StandardScaler(), filled("constant", fill_value=0.0))
    ),
    "scaled twice": credit(make_pipeline(filled(), StandardScaler(), MinMaxScaler())),
    "text filled first": credit(
        make_pipeline(filled(), StandardScaler()),
        make_pipeline(filled("constant", fill_value="none"), words()),
    ),
    "text filled by the most frequent": credit(
        make_pipeline(filled(), StandardScaler()),
        make_pipeline(filled("most_frequent", add_indicator=False), words(drop="first")),
    ),
    "first category dropped": credit(
        make_pipeline(filled(), StandardScaler()), words(drop="first")
    ),
    "dropped if binary": credit(make_pipeline(filled(), StandardScaler()), words(drop="if_binary")),
    "scaled after encoding": make_pipeline(
        ColumnTransformer(
            [("n", filled(add_indicator=True), ["income", "age"]), ("w", words(), ["job"])],
            sparse_threshold=0.0,
        ),
        StandardScaler(),
        LogisticRegression(),
    ),
    "remainder passed through": make_pipeline(
        ColumnTransformer(
            [("w", words(), ["job"]), ("n", make_pipeline(filled(), RobustScaler()), ["income"]),
             ("no", "drop", ["since"])],
            remainder="passthrough",
        ),
        LogisticRegression(max_iter=500),
    ),
    "nested pipelines, columns by type": Pipeline(
        [
            ("prepare", Pipeline([
                ("columns", ColumnTransformer([
                    ("n", make_pipeline(filled(), StandardScaler()),
                     make_column_selector(dtype_include="number")),
                    ("w", words(), make_column_selector(dtype_include=object)),
                ])),
                ("same", "passthrough"),
            ])),
            ("model", Pipeline([("last", LogisticRegression(C=0.1))])),
        ]
    ),
    "one column in two branches": make_pipeline(
        ColumnTransformer([
            ("n", make_pipeline(filled(), StandardScaler()), ["rooms", "age"]),
            ("w", words(), ["rooms", "job"]),
        ]),
        LogisticRegression(),
    ),
    "a union": make_pipeline(
        ColumnTransformer([
            ("n", make_union(make_pipeline(filled(), StandardScaler()),
                             make_pipeline(filled("mean"), MaxAbsScaler())), ["age", "income"]),
        ]),
        LogisticRegression(),
    ),
}  # fmt: skip

VALUES = {
    "job": st.sampled_from(["fixed", "free", "partime", "", "astronaut", None, float("nan"), 3]),
    "flag": st.sampled_from([True, False, None, 0, 1, 1.0, "yes"]),
    "rooms": st.sampled_from([1, 2.0, 4, 4.0, 9, True, 2.5, None, float("nan")]),
    "age": st.one_of(st.none(), st.integers(-5, 120), st.floats(0, 120), st.booleans()),
    "income": st.one_of(st.none(), st.just(float("nan")), st.floats(-1e6, 1e6)),
    "since": st.one_of(st.none(), st.floats(1.6e9, 1.8e9), st.integers(1_600_000_000, 10**10)),
}
NUMERIC = {"rooms": [1, 2.0, 4, 4.0, 9, True, 2.5, None, float("nan")], "flag": [True, False, 0]}


@pytest.fixture(scope="module")
def compiled() -> dict[str, LinearModel]:
    frame = loans()
    found = {}
    for name, shape in SHAPES.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted = shape.fit(frame[FEATURES], frame.y)
        found[name] = models.adopt(fitted, positive="bad")
    return found


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_that_users_write_is_compiled_and_scores_as_scikit_learn(shape, compiled, tmp_path):
    model = compiled[shape]
    assert isinstance(model, LinearModel), "not compiled"
    frame = loans(200, seed=8)
    table = pa.Table.from_pandas(frame[FEATURES])
    model.save(tmp_path)
    again = models.load(tmp_path)
    assert again.terms == model.terms
    assert again.intercept == model.intercept
    try:
        want = model.plain.predict_table(table)
    except ModelError:  # nulls that nothing fills: refused by both
        with pytest.raises(ModelError):
            again.predict_table(table)
        table = table.filter(pa.compute.is_valid(table["income"]))
        want = model.plain.predict_table(table)
    rows = table.to_pylist()
    np.testing.assert_allclose(again.predict_table(table), want, rtol=0, atol=1e-9)
    np.testing.assert_allclose(again.predict(rows), want, rtol=0, atol=1e-9)
    assert again.predict_one(rows[0]) == again.predict(rows)[0]


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_the_row_both_give_the_same_score_or_both_refuse(shape, compiled, data):
    model = compiled[shape]
    numeric = {name for name in FEATURES if uses_as_number(model, name)}
    row = {
        name: data.draw(
            st.sampled_from(NUMERIC[name]) if name in numeric and name in NUMERIC else VALUES[name]
        )
        for name in FEATURES
    }
    try:
        want = model.plain.predict_one(row)
    except ModelError:
        with pytest.raises(ModelError):
            model.predict_one(row)
        return
    assert model.predict_one(row) == pytest.approx(want, rel=0, abs=1e-9)


def uses_as_number(model, name):
    return any(term.feature == name and term.numbers for term in model.terms)


def test_columns_by_position_and_the_other_class(compiled):
    frame = loans()
    matrix = frame[FEATURES].to_numpy(dtype=object)
    matrix[pd.isna(matrix)] = np.nan
    fitted = make_pipeline(
        ColumnTransformer(
            [("n", make_pipeline(filled(), StandardScaler()), slice(3, 6)), ("w", words(), [0, 2])]
        ),
        LogisticRegression(),
    ).fit(matrix, frame.y)
    table = pa.Table.from_pandas(frame[FEATURES])
    for column, positive in enumerate(("bad", "good")):
        model = models.adopt(fitted, features=FEATURES, positive=positive)
        assert isinstance(model, LinearModel)
        want = fitted.predict_proba(matrix)[:, column]
        np.testing.assert_allclose(model.predict_table(table), want, rtol=0, atol=1e-12)


@pytest.mark.parametrize("last", [LinearRegression(), Ridge(2.0)])
def test_a_regression_has_no_link(last):
    frame = loans()
    inner = make_column_transformer((filled(add_indicator=True), ["income"]), (words(), ["job"]))
    fitted = make_pipeline(inner, last).fit(frame[["income", "job"]], frame.age * 1.0)
    model = models.adopt(fitted)
    assert isinstance(model, LinearModel)
    assert model.task == "regression"
    want = fitted.predict(frame[["income", "job"]])
    np.testing.assert_allclose(model.predict(frame.to_dict("records")), want, rtol=1e-12)


def test_where_the_encoder_refuses_the_unknown_so_does_the_compiled_model():
    frame = loans().dropna()
    fitted = make_pipeline(
        make_column_transformer((words(handle_unknown="error"), ["job"]), (filled(), ["age"])),
        LogisticRegression(max_iter=500),
    ).fit(frame[["job", "age"]], frame.y)
    model = models.adopt(fitted)
    assert isinstance(model, LinearModel)
    assert model.predict_one({"job": "fixed"}) == pytest.approx(
        model.plain.predict_one({"job": "fixed"}), abs=1e-12
    )
    for row in ({"job": "astronaut", "age": 30}, {"age": 30}):
        for ask in (model.predict_one, model.plain.predict_one):
            with pytest.raises(ModelError) as caught:
                ask(row)
            assert "astronaut" not in str(caught.value)
        with pytest.raises(ModelError):
            model.predict_table(pa.table({"job": [row.get("job")], "age": [30]}))


@pytest.mark.parametrize(
    "row",
    [{"income": float("inf")}, {"income": "33"}, {"income": [1]}, {"job": ["x"]}, {"age": 10**400}],
)
def test_what_is_no_number_or_category_is_a_model_error(row, compiled):
    model = compiled["median, indicator, standard"]
    for ask in (model.predict_one, lambda r: model.predict([r])):
        with pytest.raises(ModelError, match="cannot score"):
            ask(row)


def test_the_kind_of_arrow_column_does_not_matter(compiled):
    model = compiled["one column in two branches"]
    table = pa.table(
        {
            "job": pa.chunked_array([["fixed", None], [], ["astronaut"]]).dictionary_encode(),
            "flag": pa.nulls(3),
            "rooms": pa.array([1, None, 3], pa.int8()),
            "age": pa.array([None, 30.5, 2], pa.float32()),
            "income": pa.nulls(3),
            "since": pa.nulls(3),
        }
    )
    want = model.plain.predict_table(table)
    np.testing.assert_allclose(model.predict_table(table), want, rtol=0, atol=1e-12)
    assert model.predict_table(table.slice(0, 0)).shape == (0,)
    assert model.predict([]).shape == (0,)
    with pytest.raises(ModelError, match="lacks columns"):
        model.predict_table(table.drop_columns(["age"]))
    with pytest.raises(ModelError, match="cannot score"):
        model.predict_table(table.set_column(3, "age", pa.array(["1", "2", "3"])))


UNKNOWN = {
    "a function": make_pipeline(
        filled(), FunctionTransformer(np.log1p), LogisticRegression(max_iter=500)
    ),
    "clipping": make_pipeline(filled(), MinMaxScaler(clip=True), LogisticRegression()),
    "trees": HistGradientBoostingClassifier(max_iter=2),
    "another missing value": make_pipeline(
        SimpleImputer(missing_values=18), LogisticRegression(max_iter=500)
    ),
}


@pytest.mark.parametrize("shape", UNKNOWN)
def test_what_is_not_understood_stays_with_scikit_learn(shape):
    frame = loans().dropna()
    fitted = UNKNOWN[shape].fit(frame[["age", "income"]], frame.y)
    assert isinstance(models.adopt(fitted), SklearnModel)


def test_rare_categories_put_together_stay_with_scikit_learn():
    frame = loans()
    encoder = OneHotEncoder(min_frequency=50, handle_unknown="infrequent_if_exist")
    fitted = make_pipeline(encoder, LogisticRegression()).fit(frame[["job"]], frame.y)
    assert isinstance(models.adopt(fitted), SklearnModel)


def test_a_subclass_may_do_something_else_and_is_not_compiled():
    class Twice(LogisticRegression):
        def decision_function(self, X):
            return 2 * super().decision_function(X)

    frame = loans()
    fitted = make_pipeline(Twice()).fit(frame[["age"]], frame.y)
    assert compile_linear(SklearnModel(fitted, ["age"], column=1)) is None


def test_a_step_that_answers_otherwise_than_its_weights_say_is_found_out(monkeypatch):
    frame = loans()
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame[["age"]], frame.y)
    monkeypatch.setattr(
        StandardScaler, "transform", lambda self, X: np.asarray(X, dtype=float) / self.scale_
    )
    assert isinstance(models.adopt(fitted), SklearnModel)


def test_text_nulls_that_were_none_in_training_are_shown_as_none():
    frame = pd.DataFrame({"job": pd.Series(["fixed", "free", None] * 50, dtype=object)})
    truth = ["good", "bad", "bad"] * 50
    fitted = make_pipeline(words(), LogisticRegression()).fit(frame, truth)
    assert fitted[0].categories_[0].tolist() == ["fixed", "free", None]
    model = models.adopt(fitted)
    side = Side(frame, pa.Table.from_pandas(frame))
    settled, gap = agree(model, fitted, side, model.positive, 1e-6)
    assert isinstance(settled, LinearModel)
    assert gap <= 1e-9
    assert settled.plain.null == "none"


def test_a_compiled_model_that_disagrees_gives_way_to_the_estimator_it_came_from(compiled):
    frame = loans()
    model = compiled["mean, min-max"]
    wrong = LinearModel(
        model.features, model.terms, model.intercept + 1e-6,
        positive="bad", plain=model.plain,
    )  # fmt: skip
    side = Side(None, pa.Table.from_pandas(frame[FEATURES]))
    settled, _ = agree(wrong, wrong, side, "bad", 1e-6)
    assert settled is not wrong


def test_a_frame_of_float32_is_compiled_though_its_own_scores_are_rounded():
    frame = loans().dropna()[["age", "income"]].astype(np.float32)
    truth = np.where(frame.age > 45, "bad", "good")
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, truth)
    model = models.adopt(fitted)
    settled, gap = agree(model, fitted, Side(frame, pa.Table.from_pandas(frame)), "good", 1e-6)
    assert isinstance(settled, LinearModel)
    assert 0 < gap <= 1e-6


def test_the_best_of_a_search_is_compiled():
    frame = loans()
    search = GridSearchCV(SHAPES["mean, min-max"], {"logisticregression__C": [0.1, 1.0]}, cv=2)
    fitted = search.fit(frame[FEATURES], frame.y)
    model = models.adopt(fitted, positive="bad")
    assert isinstance(model, LinearModel)
    want = fitted.predict_proba(frame[FEATURES])[:, 0]
    np.testing.assert_allclose(
        model.predict_table(pa.Table.from_pandas(frame[FEATURES])), want, rtol=0, atol=1e-9
    )


def test_blends_and_fallbacks_are_made_of_compiled_models(compiled, tmp_path):
    model = compiled["mean, min-max"]
    row = {"job": "fixed", "age": 33, "income": 900.0}
    blend = BlendModel([model, compiled["scaled twice"]])
    blend.save(tmp_path)
    assert not list(tmp_path.rglob("*.skops"))
    assert models.load(tmp_path).predict_one(row) == blend.predict_one(row)
    without = NulledModel(model, ["age"])
    assert without.predict_one(row) == model.predict_one({**row, "age": None})


def test_it_is_loaded_and_asked_without_scikit_learn(compiled, tmp_path):
    model = compiled["median, indicator, standard"]
    model.save(tmp_path)
    code = f"""
import sys
from pathlib import Path
from holdfast import models
print(repr(models.load(Path({str(tmp_path)!r})).predict_one({{"job": "fixed", "age": 30}})))
assert not {{"sklearn", "scipy", "skops", "pandas"}} & set(sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=ENV
    )
    assert float(done.stdout) == model.predict_one({"job": "fixed", "age": 30})


def test_a_changed_file_is_a_model_error(compiled, tmp_path):
    compiled["mean, min-max"].save(tmp_path)
    path = tmp_path / "linear.json"
    content = json.loads(path.read_text())
    content["terms"][0]["feature"] = "__import__('os')"
    path.write_text(json.dumps(content))
    with pytest.raises(ModelError, match="does not name"):
        models.load(tmp_path)
    path.write_text('{"intercept": "one", "terms": []}')
    with pytest.raises(ModelError, match="cannot be read"):
        models.load(tmp_path)
    meta = json.loads((tmp_path / "model.json").read_text())
    assert meta["kind"] == "linear"
    assert meta["settings"]["compiled_from"].startswith("scikit-learn ")
