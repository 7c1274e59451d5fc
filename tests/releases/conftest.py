"""One small lender, and releases built once for the whole folder."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from holdfast.contracts import Contract
from holdfast.evaluation import Costs
from holdfast.releases import Release

FEATURES = ["job", "sector", "age", "income", "noise"]


def lender(rows: int, seed: int) -> pd.DataFrame:
    """Applications in which the job decides and the sector partly gives it away."""
    rng = np.random.default_rng(seed)
    job = rng.choice(["fixed", "free", "partime"], rows, p=[0.6, 0.25, 0.15])
    sector = np.where(
        rng.random(rows) < 0.8,
        np.array([{"fixed": "office", "free": "art", "partime": "shop"}[j] for j in job]),
        rng.choice(["office", "art", "shop"], rows),
    )
    age = rng.integers(20, 66, rows)
    income = rng.lognormal(7, 0.4, rows).round(2)
    income[rng.random(rows) < 0.1] = np.nan
    risk = (
        2.6 * (job == "partime")
        + 1.0 * (job == "free")
        - (age - 40) / 25
        - np.nan_to_num((income - 1100) / 900)
        - 0.8
    )
    bad = rng.random(rows) < 1 / (1 + np.exp(-1.6 * risk))
    return pd.DataFrame(
        {
            "job": job,
            "sector": sector,
            "age": age,
            "income": income,
            "noise": rng.normal(0, 1, rows).round(4),
            "status": np.where(bad, "bad", "good"),
        }
    )


def pipeline():
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    return make_pipeline(
        make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore"), ["job", "sector"]),
            (numbers, ["age", "income", "noise"]),
        ),
        LogisticRegression(max_iter=500),
    )


@pytest.fixture(scope="session")
def train() -> pd.DataFrame:
    return lender(1500, 1)


@pytest.fixture(scope="session")
def validation() -> pd.DataFrame:
    return lender(1200, 2)


@pytest.fixture(scope="session")
def contract(train) -> Contract:
    return Contract.learn(train, target="status")


@pytest.fixture(scope="session")
def fitted(train):
    return pipeline().fit(train[FEATURES], train.status)


@pytest.fixture(scope="session")
def options(train, validation, contract):
    return {
        "train": train,
        "validation": validation,
        "contract": contract,
        "costs": Costs(1, 3),
        "positive": "bad",
    }


@pytest.fixture(scope="session")
def release(fitted, options, tmp_path_factory) -> Release:
    return Release.build(
        fitted,
        **options,
        decisions=("approve", "refuse"),
        name="loan",
        directory=tmp_path_factory.mktemp("releases"),
    )


@pytest.fixture(scope="session")
def booster(train) -> lgb.LGBMClassifier:
    X = train[FEATURES].astype({"job": "category", "sector": "category"})
    return lgb.LGBMClassifier(
        n_estimators=30, num_leaves=7, verbose=-1, n_jobs=1, random_state=0
    ).fit(X, train.status)


@pytest.fixture(scope="session")
def second_release(booster, options, tmp_path_factory) -> Release:
    typed = {"job": "category", "sector": "category"}
    changed = {name: options[name].astype(typed) for name in ("train", "validation")}
    return Release.build(
        booster,
        **{**options, **changed},
        fallbacks=["job"],
        directory=tmp_path_factory.mktemp("releases"),
    )
