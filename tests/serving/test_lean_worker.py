"""A worker that serves a compiled linear model has nothing of scikit-learn in its memory."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from tests.serving.live import live

from holdfast.contracts import Contract
from holdfast.releases import Registry, Release
from holdfast.serving.client import Client


def table(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    job = rng.choice(["fixed", "free", "partime"], rows).astype(object)
    income = rng.normal(1000, 200, rows).round(2)
    income[rng.random(rows) < 0.1] = np.nan
    bad = (job == "partime") * 2.0 - (np.nan_to_num(income, nan=900.0) - 1000) / 300 > 0.5
    noisy = bad ^ (rng.random(rows) < 0.1)
    return pd.DataFrame({"job": job, "income": income, "status": np.where(noisy, "bad", "good")})


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_worker_of_a_compiled_model_never_loads_scikit_learn(tmp_path: Path):
    train = table(1200, 1)
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    columns = (numbers, ["income"]), (OneHotEncoder(handle_unknown="ignore"), ["job"])
    model = make_pipeline(make_column_transformer(*columns), LogisticRegression())
    release = Release.build(
        model.fit(train[["job", "income"]], train.status),
        train=train,
        contract=Contract.learn(train, target="status"),
        positive="bad",
        directory=tmp_path / "built",
        name="loan",
    )
    assert release.manifest.model_kind == "linear"
    with Registry(tmp_path / "holdfast.db") as registry:
        registry.add("loan", release)
        registry.promote("loan", release.id, reason="first")
    with live(tmp_path, worker="") as running, Client(running.url) as client:
        row = {"job": "partime", "income": 700.0}
        (answer,) = client.predict("loan", [row])
        assert answer["score"] == release.model.predict_one(row)
        (answer,) = client.predict("loan", [{**row, "job": None}])
        assert answer["verdict"] == "degraded"
        assert running.children()
        for pid in running.children():
            loaded = Path(f"/proc/{pid}/maps").read_text()
            assert "numpy" in loaded
            assert not [name for name in ("sklearn", "scipy", "pandas") if f"/{name}/" in loaded]
