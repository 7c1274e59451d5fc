"""Controls by running the procedure: clean ones pass exactly, leaky ones are proven."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from holdfast.audit import audit
from holdfast.errors import ModelError

ONLY = ["HF-L-PREPROCESSING"]


def noise(n: int = 150, wide: int = 120) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(n, wide)), columns=[f"x{i}" for i in range(wide)])
    return table.assign(y=rng.integers(0, 2, n))


def parts(table):
    frame = table.to_pandas() if hasattr(table, "to_pandas") else table
    return frame.drop(columns="y"), frame["y"]


def clean(train, test):
    model = make_pipeline(StandardScaler(), SelectKBest(k=10), LogisticRegression())
    return model.fit(*parts(train)).predict_proba(parts(test)[0])[:, 1]


def scaled_on_test(train, test):
    x, y = parts(train)
    other = parts(test)[0]
    scaler = StandardScaler().fit(pd.concat([x, other]))
    model = LogisticRegression().fit(scaler.transform(x), y)
    return model.predict_proba(scaler.transform(other))[:, 1]


def selected_on_all(train, test):
    x, y = parts(train)
    other, labels = parts(test)
    chosen = SelectKBest(k=10).fit(pd.concat([x, other]), pd.concat([y, labels]))
    model = LogisticRegression().fit(chosen.transform(x), y)
    return model.predict_proba(chosen.transform(other))[:, 1]


@pytest.mark.parametrize(
    "make", [pd.DataFrame, pl.from_pandas, pa.Table.from_pandas], ids=["pandas", "polars", "arrow"]
)
def test_a_clean_procedure_passes(make):
    report = audit(make(noise()), target="y", model=clean, checks=ONLY)
    assert report.findings == ()
    assert report.passed is True


def test_a_scaler_fitted_on_test_rows_is_proven():
    report = audit(noise(), target="y", model=scaled_on_test, checks=ONLY)
    assert [f.evidence["control"] for f in report.findings] == ["test rows left out"]
    assert report.passed is False


def test_selection_with_the_labels_of_the_test_rows_is_proven_and_sized():
    report = audit(noise(), target="y", model=selected_on_all, checks=ONLY)
    worth = next(
        f.worth for f in report.findings if f.evidence["control"] == "shuffled test labels"
    )
    assert worth.with_ > 0.6
    assert worth.without < worth.with_ - 0.1


def test_selection_before_the_folds_is_proven_by_shuffled_labels():
    def procedure(table):
        x, y = parts(table)
        chosen = SelectKBest(k=10).fit_transform(x, y)
        return cross_val_predict(LogisticRegression(), chosen, y, method="predict_proba")[:, 1]

    report = audit(noise(), target="y", model=procedure, checks=ONLY)
    assert report.passed is False
    assert report.findings[0].worth.with_ > 0.6
    assert report.findings[0].worth.without == 0.5


def test_selection_inside_the_folds_passes_shuffled_labels():
    def procedure(table):
        model = make_pipeline(SelectKBest(k=10), LogisticRegression())
        return cross_val_predict(model, *parts(table), method="predict_proba")[:, 1]

    assert audit(noise(), target="y", model=procedure, checks=ONLY).passed is True


def test_an_estimator_that_has_seen_the_test_rows_is_proven():
    table = noise(400, 10)
    train, test = table[:300], table[300:]
    forest = RandomForestClassifier(50, random_state=0)
    seen = forest.fit(*parts(table))
    assert audit(train, test, target="y", model=seen, checks=ONLY).passed is False
    honest = RandomForestClassifier(50, random_state=0).fit(*parts(train))
    assert audit(train, test, target="y", model=honest, checks=ONLY).passed is True


def test_an_unfitted_estimator_passes():
    table = noise(200, 5)
    report = audit(table[:150], table[150:], target="y", model=LogisticRegression(), checks=ONLY)
    assert report.passed is True


def test_an_estimator_without_a_test_table_could_not_be_told():
    report = audit(noise(100, 3), target="y", model=LogisticRegression())
    assert report.passed is None
    assert "a labelled test table" in {n.needs for n in report.not_tested if n.requested}


def test_a_procedure_that_fails_is_a_clear_error():
    with pytest.raises(ModelError, match="the procedure failed"):
        audit(noise(100, 3), target="y", model=lambda train, test: 1 / 0, checks=ONLY)
