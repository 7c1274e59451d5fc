"""Every member: what comes back from disk scores as the original did, by rows and by table."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from holdfast import models
from holdfast.errors import ModelError
from holdfast.models.base import Model
from holdfast.models.blend import BlendModel
from holdfast.models.lightgbm import LightGBMModel
from holdfast.models.sklearn import SklearnModel

ENV = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    n = 400
    job = rng.choice(["fixed", "partime", "free lance"], n).astype(object)
    job[rng.random(n) < 0.05] = None
    age = rng.integers(18, 70, n)
    income = rng.lognormal(7, 0.5, n)
    income[rng.random(n) < 0.1] = np.nan
    risk = (job == "partime") * 1.5 - (age - 40) / 20 + rng.normal(0, 1, n)
    return pd.DataFrame(
        {"job": job, "age": age, "income": income, "y": np.where(risk > 0.3, "bad", "good")}
    )


def pipeline(final: object | None = None) -> object:
    text = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="none"),
        OneHotEncoder(handle_unknown="ignore"),
    )
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    return make_pipeline(
        make_column_transformer((text, ["job"]), (numbers, ["age", "income"])),
        LogisticRegression(max_iter=500) if final is None else final,
    )


def there_and_back(model: Model, folder: Path, **options: object) -> Model:
    folder.mkdir(exist_ok=True)
    names = model.save(folder)
    assert names[0] == "model.json"
    assert sorted(names) == sorted(
        p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()
    )
    return models.load(folder, **options)  # type: ignore[arg-type]


def assert_same(model: Model, table: pa.Table, want: np.ndarray) -> None:
    rows = table.to_pylist()
    np.testing.assert_allclose(model.predict_table(table), want, atol=1e-9)
    np.testing.assert_allclose(model.predict(rows), want, atol=1e-9)
    np.testing.assert_allclose([model.predict_one(r) for r in rows[:20]], want[:20], atol=1e-9)
    assert model.predict([]).shape == (0,)


def test_a_pipeline_fitted_on_a_pandas_frame_scores_plain_dicts(frame, tmp_path):
    X = frame.drop(columns="y")
    fitted = pipeline().fit(X, frame.y)
    before = list(fitted.feature_names_in_)
    model = models.adopt(fitted, positive="bad")
    assert model.features == ("job", "age", "income")
    assert list(fitted.feature_names_in_) == before, "the caller's estimator was changed"
    want = fitted.predict_proba(X)[:, list(fitted.classes_).index("bad")]
    assert_same(there_and_back(model, tmp_path / "m"), pa.Table.from_pandas(X), want)


def test_a_pipeline_fitted_on_an_object_array_scores_plain_dicts(frame, tmp_path):
    X = frame[["job", "age", "income"]].to_numpy(dtype=object)
    X[pd.isna(X)] = np.nan
    text = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="none"),
        OneHotEncoder(handle_unknown="ignore"),
    )
    fitted = make_pipeline(
        ColumnTransformer([("t", text, [0]), ("n", SimpleImputer(), [1, 2])]),
        StandardScaler(),
        LogisticRegression(max_iter=500),
    ).fit(X, frame.y)
    model = models.adopt(fitted, features=["job", "age", "income"], positive="bad")
    table = pa.Table.from_pandas(frame.drop(columns="y"))
    assert_same(there_and_back(model, tmp_path / "m"), table, fitted.predict_proba(X)[:, 0])


def test_a_forest_comes_back_from_skops(frame, tmp_path):
    X = frame.drop(columns="y")
    fitted = pipeline(RandomForestClassifier(10, random_state=0)).fit(X, frame.y)
    model = models.adopt(fitted, positive="bad")
    want = fitted.predict_proba(X)[:, 0]
    assert_same(there_and_back(model, tmp_path / "m"), pa.Table.from_pandas(X), want)


def test_a_regression_gives_its_values(frame, tmp_path):
    X = frame[["age"]]
    fitted = LinearRegression().fit(X, frame.age * 2.0)
    model = there_and_back(models.adopt(fitted), tmp_path / "m")
    assert model.task == "regression"
    assert_same(model, pa.Table.from_pandas(X), frame.age.to_numpy() * 2.0)


@pytest.mark.parametrize("positive", ["bad", "good"])
def test_lightgbm_trained_on_pandas_categories_encodes_them_itself(frame, tmp_path, positive):
    X = frame.drop(columns="y").assign(job=frame.job.astype("category"))
    fitted = lgb.LGBMClassifier(n_estimators=20, verbose=-1, n_jobs=1).fit(X, frame.y)
    model = there_and_back(models.adopt(fitted, positive=positive), tmp_path / "m")
    want = fitted.predict_proba(X)[:, list(fitted.classes_).index(positive)]
    assert_same(model, pa.Table.from_pandas(frame.drop(columns="y")), want)
    unseen = X.assign(job=pd.Categorical(["astronaut"] * len(X)))
    rows = unseen.astype({"job": object}).to_dict("records")
    np.testing.assert_allclose(
        model.predict(rows), fitted.predict_proba(unseen)[:, list(fitted.classes_).index(positive)]
    )


def test_lightgbm_takes_the_fast_single_row_road_and_agrees_with_the_slow_one(frame):
    X = frame[["age", "income"]]
    booster = lgb.train(
        {"objective": "binary", "verbose": -1}, lgb.Dataset(X, frame.y == "bad"), 30
    )
    model = models.adopt(booster)
    assert isinstance(model, LightGBMModel)
    assert model.fast
    rows = X.to_dict("records")
    want = booster.predict(X.to_numpy())
    assert [model.predict_one(row) for row in rows] == want.tolist()


def test_lightgbm_without_the_c_function_is_slower_but_right(frame, monkeypatch):
    class NoFastRow:
        def __getattr__(self, name):
            raise AttributeError(name)

    X = frame[["age", "income"]]
    booster = lgb.train({"objective": "binary", "verbose": -1}, lgb.Dataset(X, frame.y == "bad"), 5)
    fast = models.adopt(booster)
    monkeypatch.setattr("holdfast.models.lightgbm._FastRow.create", lambda *_: None)
    slow = models.adopt(booster)
    assert not slow.fast
    row = {"age": 33, "income": None}
    assert slow.predict_one(row) == fast.predict_one(row)


def test_a_text_where_a_number_belongs_is_a_model_error_not_a_guess(frame):
    X = frame[["age", "income"]]
    booster = lgb.train({"objective": "binary", "verbose": -1}, lgb.Dataset(X, frame.y == "bad"), 5)
    model = models.adopt(booster)
    for call in (model.predict_one, lambda row: model.predict([row] * 30)):
        with pytest.raises(ModelError) as caught:
            call({"age": "33", "income": 1.0})
        assert "33" not in str(caught.value)


def test_xgboost_comes_back_from_its_native_file(frame, tmp_path):
    xgb = pytest.importorskip("xgboost")
    X = frame[["age", "income"]]
    fitted = xgb.XGBClassifier(n_estimators=10, n_jobs=1).fit(X, (frame.y == "bad").astype(int))
    model = there_and_back(models.adopt(fitted, positive=1), tmp_path / "m")
    assert_same(model, pa.Table.from_pandas(X), fitted.predict_proba(X)[:, 1])


def test_onnx_with_one_input_per_column_and_with_a_matrix(frame, tmp_path):
    skl2onnx = pytest.importorskip("skl2onnx")
    pytest.importorskip("onnxruntime")
    from skl2onnx.common.data_types import FloatTensorType

    X = frame[["age", "income"]].fillna(1.0).astype(np.float32)
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(X.to_numpy(), frame.y)
    for zipmap in (True, False):
        graph = skl2onnx.convert_sklearn(
            fitted,
            initial_types=[("X", FloatTensorType([None, 2]))],
            options={"zipmap": zipmap},
            target_opset=15,
        )
        model = models.adopt(graph, features=["age", "income"], positive="good")
        model = there_and_back(model, tmp_path / f"m{zipmap}")
        got = model.predict_table(pa.Table.from_pandas(X))
        np.testing.assert_allclose(got, fitted.predict_proba(X.to_numpy())[:, 1], atol=1e-6)
        rows = X.to_dict("records")
        np.testing.assert_allclose(model.predict(rows), got)


def test_a_blend_is_the_mean_of_its_members(frame, tmp_path):
    X = frame[["age", "income"]]
    data = lgb.Dataset(X, frame.y == "bad", free_raw_data=False)
    members = [
        models.adopt(lgb.train({"objective": "binary", "verbose": -1}, data, n)) for n in (3, 9)
    ]
    blend = there_and_back(BlendModel(members), tmp_path / "m")
    table = pa.Table.from_pandas(X)
    want = (members[0].predict_table(table) + members[1].predict_table(table)) / 2
    assert_same(blend, table, want)


def test_a_lambda_in_a_pipeline_is_refused_when_saving(frame, tmp_path):
    X = frame[["age"]]
    fitted = make_pipeline(FunctionTransformer(lambda a: a), LogisticRegression()).fit(X, frame.y)
    with pytest.raises(ModelError, match="ONNX"):
        models.adopt(fitted).save(tmp_path)


def test_a_type_nobody_allowed_is_named_before_anything_is_built(tmp_path):
    import skops.io
    from tests.models.strange import Strange

    skops.io.dump(Strange(), tmp_path / "estimator.skops")
    (tmp_path / "model.json").write_text(
        json.dumps({"kind": "sklearn", "features": ["a"], "files": ["estimator.skops"]})
    )
    with pytest.raises(ModelError, match="Strange"):
        models.load(tmp_path)
    assert Strange.built == 1, "loading must not build the object"


def test_a_damaged_description_is_a_model_error(tmp_path):
    (tmp_path / "model.json").write_text('{"kind": "sklearn", "features": ')
    with pytest.raises(ModelError, match="description"):
        models.load(tmp_path)
    (tmp_path / "model.json").write_text('{"kind": "quantum", "features": []}')
    with pytest.raises(ModelError, match="quantum"):
        models.load(tmp_path)


def test_a_function_needs_consent_and_runs_in_its_own_process(tmp_path, monkeypatch):
    (tmp_path / "scoring_rules.py").write_text(
        textwrap.dedent(
            """
            import os
            print("imported")
            def score(rows):
                return [0.0 if r["age"] is None else r["age"] / 100 for r in rows]
            def pid(rows):
                return [float(os.getpid()) for _ in rows]
            def broken(rows):
                raise KeyError("secret value")
            def infinite(rows):
                return [float("inf") for _ in rows]
            """
        )
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModelError, match="consent"):
        models.adopt("scoring_rules:score", features=["age"])
    model = models.adopt("scoring_rules:score", features=["age"], allow_callable=True)
    try:
        assert model.predict([{"age": 40}, {}]).tolist() == [0.4, 0.0]
        assert "scoring_rules" not in sys.modules
    finally:
        model.close()
    for name, match in (("broken", "KeyError"), ("infinite", "finite")):
        bad = models.adopt(f"scoring_rules:{name}", features=["age"], allow_callable=True)
        try:
            with pytest.raises(ModelError, match=match) as caught:
                bad.predict([{"age": 1}])
            assert "secret" not in str(caught.value)
        finally:
            bad.close()
    other = models.adopt("scoring_rules:pid", features=["age"], allow_callable=True)
    try:
        assert other.predict_one({}) != os.getpid()
    finally:
        other.close()
    folder = tmp_path / "saved"
    folder.mkdir()
    model.save(folder)
    with pytest.raises(ModelError, match="allow"):
        models.load(folder)
    (tmp_path / "scoring_rules.py").write_text("def score(rows): return [1.0 for _ in rows]\n")
    with pytest.raises(ModelError, match="changed"):
        models.load(folder, allow={"callable"})


def test_a_pickle_is_loud_and_never_loaded_without_consent(frame, tmp_path):
    from tests.models.strange import StrangeClassifier

    from holdfast.models.pickled import PickleWarning

    fitted = StrangeClassifier().fit(frame[["age"]], frame.y)
    with pytest.raises(ModelError, match="no adapter"):
        models.adopt(fitted, features=["age"], positive="bad")
    model = models.adopt(fitted, features=["age"], positive="bad", allow_pickle=True)
    with pytest.warns(PickleWarning, match="server will refuse"):
        model.save(tmp_path)
    with pytest.raises(ModelError, match="pickle"):
        models.load(tmp_path)
    with pytest.warns(PickleWarning):
        again = models.load(tmp_path, allow={"pickled"})
    assert again.predict([{"age": 30}]).tolist() == [0.25]


def test_after_forbid_pickle_nothing_in_the_process_unpickles():
    code = """
import pickle, collections
from holdfast import models
from holdfast.errors import ModelError
models.forbid_pickle(); models.forbid_pickle()
try:
    pickle.loads(pickle.dumps(collections.OrderedDict(a=1)))
except ModelError as error:
    print("refused")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=ENV
    )
    assert done.stdout.strip() == "refused"


def test_skops_and_booster_models_load_where_pickle_is_forbidden(frame, tmp_path):
    X = frame.drop(columns="y")
    fitted = pipeline(lgb.LGBMClassifier(n_estimators=3, verbose=-1, n_jobs=1)).fit(X, frame.y)
    model = models.adopt(fitted, positive="bad")
    assert isinstance(model, SklearnModel)
    model.save(tmp_path)
    code = f"""
from pathlib import Path
from holdfast import models
models.forbid_pickle()
row = {{"job": "fixed", "age": 30, "income": 900.0}}
print(models.load(Path({str(tmp_path)!r})).predict_one(row))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=ENV
    )
    want = model.predict_one({"job": "fixed", "age": 30, "income": 900.0})
    assert float(done.stdout) == pytest.approx(want, abs=1e-12)


def test_an_estimator_without_names_or_probabilities_says_what_to_do(frame):
    from sklearn.svm import LinearSVC

    unnamed = LogisticRegression().fit(frame[["age"]].to_numpy(), frame.y)
    with pytest.raises(ModelError, match="features="):
        models.adopt(unnamed)
    with pytest.raises(ModelError, match="CalibratedClassifierCV"):
        models.adopt(LinearSVC().fit(frame[["age"]], frame.y))
    with pytest.raises(ModelError, match="positive"):
        models.adopt(LogisticRegression().fit(frame[["age"]], frame.y), positive="ugly")
    with pytest.raises(ModelError, match="no adapter"):
        models.adopt(object())
