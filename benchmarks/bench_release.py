"""Releases: a single row's cost, bulk guard, and what a fallback recovers on real loans."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

FIELDS = 30


def _cpu(call: Callable[[], object], times: int) -> float:
    """CPU microseconds of one call, best of five rounds."""
    call()
    best = float("inf")
    for _ in range(5):
        start = time.thread_time()
        for _ in range(times):
            call()
        best = min(best, (time.thread_time() - start) / times)
    return best * 1e6


def _row(what: str, value: float, unit: str, target: str, reached: bool | None, how: str) -> dict:
    return {
        "what": what, "value": round(float(value), 3), "unit": unit, "target": target,
        "reached": None if reached is None else bool(reached), "how": how,
    }  # fmt: skip


def _single_rows(quick: bool) -> list[dict]:
    import lightgbm as lgb

    from holdfast.contracts import Contract
    from holdfast.evaluation import Costs
    from holdfast.releases import Release

    rng = np.random.default_rng(0)
    n = 3000
    columns: dict[str, Any] = {f"x{i}": rng.normal(0, 1, n).round(4) for i in range(FIELDS - 1)}
    columns["job"] = rng.choice(["fixed", "free", "partime"], n).tolist()
    risk = columns["x0"] - columns["x1"] + np.array([j == "partime" for j in columns["job"]])
    columns["y"] = (risk + rng.normal(0, 1, n) > 0.5).astype(int)
    table = pa.table(columns)
    frame = table.to_pandas().astype({"job": "category"})
    fitted = lgb.LGBMClassifier(n_estimators=100, n_jobs=1, verbose=-1, random_state=0)
    fitted.fit(frame.drop(columns="y"), frame.y)
    with tempfile.TemporaryDirectory() as folder:
        release = Release.build(
            fitted, train=frame.iloc[:2000], validation=frame.iloc[2000:],
            contract=Contract.learn(table, target="y"), costs=Costs(1, 3), fallbacks=["job"],
            policies="keep", directory=folder,
        )  # fmt: skip
        scorer = release.scorer()
    rows = table.drop_columns(["y"]).to_pylist()
    row, times = rows[0], 500 if quick else 5000
    one = frame.drop(columns="y").iloc[:1]
    model = _cpu(lambda: release.model.predict_one(row), times)
    guard = _cpu(lambda: scorer.guard(row), times)
    answer = _cpu(lambda: scorer.answer_one(row), times)
    booster = fitted.booster_
    matrix = np.zeros((1, FIELDS))
    plain = _cpu(lambda: booster.predict(matrix, num_threads=1), times // 5)
    wrapper = _cpu(lambda: fitted.predict_proba(one), 30)
    checked = _cpu(lambda: scorer.check(rows[:1000]), 3 if quick else 20) / 1000
    how = f"{FIELDS} fields, LightGBM 100 trees, CPU time, one thread, best of five"
    return [
        _row("predict one row (fast C call)", model, "us CPU", "<= 10", model <= 10, how),
        _row("Booster.predict on one prepared row", plain, "us CPU", "-", None, how),
        _row("LGBMClassifier.predict_proba, one row", wrapper, "us CPU", "-", None, how),
        _row(
            "scorer over guard and model, one row", answer - guard - model, "us CPU", "about 2",
            answer - guard - model <= 3, how,
        ),
        _row(
            "guard verdicts in bulk", 1e6 / checked, "rows/s", ">= 100,000", checked <= 10,
            "Scorer.check, 1000 rows a call",
        ),
    ]  # fmt: skip


def _linear_row(quick: bool) -> list[dict]:
    """One row of a linear scikit-learn pipeline: compiled, and through scikit-learn."""
    from holdfast.models.linear import LinearModel
    from holdfast.models.recipes import logistic_regression

    rng = np.random.default_rng(0)
    rows = 2_000
    columns = {f"n{i}": rng.normal(size=rows) for i in range(8)}
    columns |= {f"c{i}": rng.choice(["a", "b", "c", "d"], rows) for i in range(5)}
    columns["y"] = np.where(rng.random(rows) < 0.3, "bad", "good")
    table = pa.table(columns)
    model = logistic_regression(table, table.column_names[:-1], "y", positive="bad")
    if not isinstance(model, LinearModel) or model.plain is None:
        raise RuntimeError("the pipeline was not compiled")
    plain, row = model.plain, table.slice(0, 1).to_pylist()[0]
    ours = _cpu(lambda: model.predict_one(row), 2_000 if quick else 20_000)
    theirs = _cpu(lambda: plain.predict_one(row), 20 if quick else 100)
    how = f"13 inputs, numbers and categories; {ours:.1f} us and {theirs:.0f} us CPU"
    return [
        _row("one row of a linear pipeline, scikit-learn / compiled", theirs / ours, "x CPU",
             ">= 50", theirs / ours >= 50, how),
    ]  # fmt: skip


def real_loans(path: Path, seeds: int) -> dict[str, np.ndarray]:
    """Accuracy, approval rate and cost per seed: healthy, naive, plain refit, fallback."""
    import pandas as pd
    from sklearn.base import clone
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    from holdfast.contracts import Contract
    from holdfast.evaluation import Costs
    from holdfast.releases import Release

    data = pd.read_parquet(path)
    words = ["Home", "Marital", "Records", "Job"]
    numbers = [c for c in data if c not in words and c != "Status"]

    def pipeline(without: str | None = None) -> Any:
        text = make_pipeline(
            SimpleImputer(strategy="constant", fill_value="missing"),
            OneHotEncoder(handle_unknown="ignore"),
        )
        scaled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
        kept = [c for c in words if c != without]
        return make_pipeline(
            make_column_transformer((text, kept), (scaled, numbers)),
            LogisticRegression(max_iter=1000),
        )

    found: dict[str, list[list[float]]] = {}
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(len(data))
        half = len(data) // 2
        train = data.iloc[order[:half]].reset_index(drop=True)
        test = data.iloc[order[half:]].reset_index(drop=True)
        bad = (test.Status == "bad").to_numpy()

        def note(who: str, refused: np.ndarray, bad: np.ndarray = bad) -> None:
            cost = (refused & ~bad).mean() + 3 * (~refused & bad).mean()
            found.setdefault(who, []).append(
                [float((refused == bad).mean()), float((~refused).mean()), float(cost)]
            )

        model = pipeline().fit(train.drop(columns="Status"), train.Status)
        column = list(model.classes_).index("bad")
        clean = test.drop(columns="Status")
        note("healthy", model.predict_proba(clean)[:, column] >= 0.25)
        note("naive", model.predict_proba(clean.assign(Job="partime"))[:, column] >= 0.25)
        rest = train.drop(columns=["Status", "Job"])
        refit = clone(pipeline("Job")).fit(rest, train.Status)
        note("plain refit", refit.predict_proba(clean.drop(columns="Job"))[:, column] >= 0.25)
        with tempfile.TemporaryDirectory() as folder:
            contract = Contract.learn(train, target="Status", policies={"Job": "fallback"})
            release = Release.build(
                model, train=train, contract=contract, costs=Costs(1, 3), positive="bad",
                decisions=("approve", "refuse"), fallbacks=["Job"], policies="keep", seed=seed,
                directory=folder,
            )  # fmt: skip
            answers = release.scorer().answer(
                [{**row, "Job": None} for row in pa.Table.from_pandas(clean).to_pylist()]
            )
        note("fallback", np.array([a.decision != "approve" for a in answers]))
    return {who: np.array(values) for who, values in found.items()}


def _recovery(quick: bool) -> list[dict]:
    path = Path(os.environ.get("HOLDFAST_DATA", "")) / "credit_data_spain.parquet"
    if not path.is_file():
        return [_row("real loans", float("nan"), "", "-", None, "HOLDFAST_DATA is not set")]
    seeds = 2 if quick else 10
    every = real_loans(path, seeds)
    got = {who: values.mean(axis=0) for who, values in every.items()}
    healthy, naive = got["healthy"], got["naive"]
    how = f"4,454 real loans, half for training, costs 1:3, `Job` NULL, mean of {seeds} seeds"
    rows = []
    for who in ("plain refit", "fallback"):
        accuracy = (got[who][0] - naive[0]) / (healthy[0] - naive[0])
        cost = (naive[2] - got[who][2]) / (naive[2] - healthy[2])
        approval = 100 * abs(got[who][1] - healthy[1])
        ours = who == "fallback"
        rows += [
            _row(f"{who}: lost expected cost recovered", cost, "share", ">= 0.75 (fallback)",
                 cost >= 0.75 if ours else None, how),
            _row(f"{who}: lost accuracy recovered", accuracy, "share", ">= 0.85 (fallback)",
                 accuracy >= 0.85 if ours else None, how),
            _row(f"{who}: approval rate off healthy", approval, "points", "<= 4 (fallback)",
                 approval <= 4 if ours else None, how),
        ]  # fmt: skip
    gained = every["plain refit"][:, 2] - every["fallback"][:, 2]
    low = gained.mean() - 2.262 * gained.std(ddof=1) / np.sqrt(seeds)
    rows.append(_row("fallback: cost saved against a plain refit, lower end of the paired 95%",
                     low, "cost per row", ">= 0 with 10 seeds", low >= 0 if seeds == 10 else None,
                     how))  # fmt: skip
    rows.append(_row("naive: accuracy lost", 100 * (healthy[0] - naive[0]), "points", ">= 15",
                     healthy[0] - naive[0] >= 0.15, how))  # fmt: skip
    rows.append(_row("naive: approvals left", naive[1] / healthy[1], "of healthy", "<= 0.6",
                     naive[1] / healthy[1] <= 0.6, how))  # fmt: skip
    return rows


def run(quick: bool = False) -> list[dict]:
    """Rows for `python -m benchmarks`."""
    return [*_single_rows(quick), *_linear_row(quick), *_recovery(quick)]
