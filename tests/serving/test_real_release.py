"""The main job over HTTP: a real release, its input goes missing, the incident is named."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
from tests.serving.live import Live, live

from holdfast.contracts import Contract
from holdfast.diagnosis.quarantine import quarantined
from holdfast.evaluation import Costs
from holdfast.releases import Registry, Release
from holdfast.serving.client import Client, ServiceError
from holdfast.storage import Store


def table(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    job = pd.Categorical(rng.choice(["fixed", "free", "partime"], rows))
    income = rng.normal(1000, 200, rows).round(2)
    bad = (job == "partime") * 2.0 - (income - 1000) / 300 + rng.normal(0, 0.5, rows) > 0.5
    return pd.DataFrame({"job": job, "income": income, "status": np.where(bad, "bad", "good")})


def fit(frame: pd.DataFrame, trees: int) -> Any:
    inputs = frame[["job", "income"]]
    return lgb.LGBMClassifier(n_estimators=trees, verbose=-1, n_jobs=1).fit(inputs, frame.status)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("served")
    train = table(1500, 1)
    for trees in (20, 30):
        release = Release.build(
            fit(train, trees),
            train=train,
            validation=table(800, 2),
            contract=Contract.learn(train, target="status"),
            costs=Costs(1, 3),
            positive="bad",
            directory=place / "built",
            fallbacks=["job"],
            name="loan",
        )
        with Registry(place / "holdfast.db") as registry:
            registry.add("loan", release)
    with Registry(place / "holdfast.db") as registry:
        registry.promote("loan", registry.list("loan")[0]["id"], reason="first")
    return place


def release_ids(folder: Path) -> list[str]:
    with Registry(folder / "holdfast.db") as registry:
        return [row["id"] for row in registry.list("loan")]


def test_a_missing_job_is_degraded_at_once_and_named_in_an_incident(folder: Path):
    rows = json.loads(table(260, 3).drop(columns="status").to_json(orient="records"))
    settings = {"worker": "", "monitor": "true", "monitor_every": "0.05"}
    with live(folder, **settings) as running, Client(running.url) as client:
        for row in rows[:200]:
            assert client.predict("loan", [row])[0]["verdict"] == "ok"
        for row in rows[200:230]:
            (answer,) = client.predict("loan", [{**row, "job": None}], source="app-ios")
            assert answer["verdict"] == "degraded"
            assert answer["fallback"] == ["job"]
            assert answer["decision"] in ("good", "bad")
        until = time.monotonic() + 30
        while not (found := client.incidents("loan")) and time.monotonic() < until:
            time.sleep(0.05)
        (incident,) = found
        assert incident["status"] == "open"
        assert incident["action"] == "fix_pipeline"
        assert "`job` missing" in incident["sentence"]
        assert "app-ios" in incident["sentence"]
        assert incident["opened_row"] <= 220
        status, headers, body = client._once("GET", "/", None, {})
        assert status == 200
        assert "default-src 'none'" in headers["content-security-policy"]
        assert b"missing" in body


def test_a_broken_field_is_switched_off_by_policy_and_counts_again_when_it_is_mended(
    folder: Path, tmp_path: Path
):
    place, name = tmp_path, release_ids(folder)[0]
    with Registry(place / "holdfast.db") as registry:
        registry.add("loan", Release.open(folder / "built" / name))
        registry.promote("loan", name)
    (place / "holdfast.toml").write_text('[actions]\nmissing = ["quarantine", "fallback"]\n')
    rows = json.loads(table(900, 4).drop(columns="status").to_json(orient="records"))
    settings = {"worker": "", "monitor": "true", "monitor_every": "0.05"}
    with live(place, **settings) as running, Client(running.url) as client:
        for row in rows[:200]:
            client.predict("loan", [row])
        client.predict("loan", [{**row, "job": None} for row in rows[200:230]])
        until = time.monotonic() + 30
        # every row is asked for once only: copies would be an incident of their own
        more = json.loads(table(9000, 7).drop(columns="status").to_json(orient="records"))
        fresh = iter(more)
        while client.predict("loan", [next(fresh)])[0]["verdict"] != "degraded":
            assert time.monotonic() < until
            time.sleep(0.05)
        (answer,) = client.predict("loan", [next(fresh)])
        assert (answer["fallback"], answer["violations"][0]["code"]) == (["job"], "switched_off")
        while client.predict("loan", [next(fresh) for _ in range(40)])[0]["verdict"] != "ok":
            assert time.monotonic() < until
            time.sleep(0.05)
        (incident,) = (i for i in client.incidents("loan") if i["kind"] == "missing")
        assert (incident["state"], incident["ending"]) == ("closed", "recovery")
        assert incident["impact"]["cost_so_far"]["value"] is not None
    with Store.open(place / "holdfast.db") as store:
        (held,) = quarantined(store.control.events())["loan"]
        rows_read = store.predictions.read(model="loan", columns=["at", "source", "marks"])
        assert held.holds(rows_read).sum() == 30


def test_a_share_of_the_refused_is_approved_where_the_settings_say_so(folder: Path, tmp_path: Path):
    with Registry(tmp_path / "holdfast.db") as registry:
        registry.add("loan", Release.open(folder / "built" / release_ids(folder)[0]))
        registry.promote("loan", release_ids(folder)[0])
    (tmp_path / "holdfast.toml").write_text(
        '[serve.exploration]\nshare = 0.25\ndecision = "good"\n'
    )
    rows = json.loads(table(600, 5).drop(columns="status").to_json(orient="records"))
    with live(tmp_path, worker="") as running, Client(running.url) as client:
        answers = client.predict("loan", rows, ids=[f"p{n}" for n in range(600)])
        threshold = client.model("loan")["threshold"]
    told = {
        (a["score"] >= threshold, a["decision"], a["explored"], a["propensity"]) for a in answers
    }
    assert told == {
        (True, "bad", False, 0.75),
        (True, "good", True, 0.25),
        (False, "good", False, 1.0),
    }
    names = ["id", "decision", "explored", "propensity"]
    with Store.open(tmp_path / "holdfast.db") as store:
        logged = store.predictions.read(model="loan", columns=names).to_pylist()
    assert logged == [{name: answer[name] for name in names} for answer in answers]


def test_a_promotion_is_served_without_a_restart_and_acknowledged(folder: Path):
    first, second = release_ids(folder)
    row = {"job": "fixed", "income": 900.0}
    with live(folder, worker="") as running, Client(running.url) as client:
        assert client.predict("loan", [row])[0]["release"] == first
        with Registry(folder / "holdfast.db") as registry:
            registry.promote("loan", second, reason="better")
        until = time.monotonic() + 30
        while client.predict("loan", [row])[0]["release"] != second:
            assert time.monotonic() < until
            time.sleep(0.02)
        with Registry(folder / "holdfast.db") as registry:
            registry.rollback("loan", reason="try")
        while client.predict("loan", [row])[0]["release"] != first:
            assert time.monotonic() < until
            time.sleep(0.02)


def test_a_tampered_release_is_not_served_and_says_so(folder: Path, tmp_path: Path):
    train = table(600, 5)
    with Registry(tmp_path / "holdfast.db") as registry:
        release = Release.build(
            fit(train, 5),
            train=train,
            validation=table(300, 6),
            contract=Contract.learn(train, target="status"),
            positive="bad",
            directory=tmp_path / "built",
            fallbacks="none",
            name="loan",
        )
        registry.add("loan", release)
        registry.promote("loan", release.id)
        booster = next((registry.directory / release.id).rglob("*.txt"))
    booster.chmod(0o600)
    booster.write_text(booster.read_text().replace("leaf_value=", "leaf_value= ", 1))
    with live(tmp_path, worker="") as running, Client(running.url, retries=0) as client:
        with pytest.raises(ServiceError) as caught:
            client.predict("loan", [{"job": "fixed", "income": 900.0}])
        assert (caught.value.status, caught.value.code) == (503, "HF-E-RELEASE-UNAVAILABLE")
        assert not client.ready()


def test_a_model_without_a_champion_is_unknown(tmp_path: Path):
    running = Live(tmp_path, worker="").start()
    try:
        with Client(running.url) as client, pytest.raises(ServiceError, match="no such model"):
            client.predict("loan", [{}])
    finally:
        assert running.stop() == 0
