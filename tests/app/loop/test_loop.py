"""The loop on a real project: it waits, retrains for a reason, tries, promotes, and goes back."""

from __future__ import annotations

import shutil
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.cli.projects import COLUMNS, build

from holdfast.app.basics import now_us
from holdfast.app.home import opened
from holdfast.app.loop.driver import Loop
from holdfast.app.policy import policy_of
from holdfast.app.retrain import Ask, retrain
from holdfast.cli import main
from holdfast.demo.loans import generate
from holdfast.diagnosis.incidents import OPENED, as_payload
from holdfast.records import Action, Incident, IncidentStatus
from holdfast.releases.history import history
from holdfast.storage.training import Interval

pytestmark = pytest.mark.xdist_group("loop")

POLICY = """
[policy]
automatic = true
metric = "log_loss"
[policy.when]
growth = false
maturity = "0s"
loss_increase = { min = 0.2 }
[policy.unless]
matured_labels = 300
cooldown = "0s"
[policy.limits]
per_model = "100/1h"
[policy.gates]
decide_at = 400
[policy.shadow]
min = "0s"
requests = 50
[policy.canary]
steps = [0.5]
min = "0s"
requests = 30
"""
#: what a state guarantee does to the outcomes: those who were risky repay, and the others do not
DRIFT = {"temporary": "repaid", "none": "repaid", "permanent": "defaulted"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("loop")
    pq.write_table(generate(seed=5, rows=900).table.select(COLUMNS), folder / "loans.parquet")
    words = ["--target", "outcome", "--id", "application_id", "--event-time", "applied_at"]
    data = str(folder / "loans.parquet")
    assert main(["init", str(folder / "loan"), "--data", data, *words]) == 0
    with (folder / "loan" / "holdfast.toml").open("a") as file:
        file.write(POLICY)
    build(folder / "loan")
    return folder / "loan"


class Life:
    """A copy of the project with traffic, outcomes, and a loop that is stepped by hand."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "holdfast.toml"
        self.context = opened(folder / "holdfast.db", config=self.config)
        self.home = self.context.__enter__()
        self.asks: list[Any] = []
        policy = policy_of(self.config)
        self.loop = Loop(self.home, "loan", policy, self.train)
        self.sent = 0

    def train(self, ask) -> Future:
        self.asks.append(ask)
        done: Future = Future()
        done.set_result(retrain(self.config, ask))
        return done

    def send(self, rows: int, *, drifted: bool = False, release: str | None = None) -> None:
        """Rows answered by the champion (or another release), with their outcomes."""
        loans = generate(seed=100 + self.sent, rows=rows).table.select(COLUMNS).to_pylist()
        rng = np.random.default_rng(self.sent)
        store, name = self.home.store, release or self.champion()
        answering = self.home.registry.open(name)
        names = [f"r{self.sent + i}" for i in range(rows)]
        self.sent += rows
        hidden = ("outcome", "applied_at", "application_id")
        sent = [{k: v for k, v in row.items() if k not in hidden} for row in loans]
        truth = [
            DRIFT.get(row["employment_type"], row["outcome"])
            if drifted and rng.random() < 0.9
            else row["outcome"]
            for row in loans
        ]
        at = [now_us() + i for i in range(rows)]
        score = answering.scorer().answers(sent).column("score").to_pylist()
        store.predictions.append_columns(
            {"id": names, "model": ["loan"] * rows, "at": at, "received": at,
             "release": [name] * rows, "score": score,
             "features": [msgspec.json.encode(row).decode() for row in sent]},
        )  # fmt: skip
        store.labels.append_columns(
            {"id": names, "model": ["loan"] * rows, "known_at": at, "received": at,
             "value": [f'"{value}"' for value in truth]},
        )  # fmt: skip

    def step(self) -> str:
        return "\n".join(self.loop.step(now_us() + 10_000))

    def champion(self) -> str:
        return self.home.store.catalog.champion("loan").release

    def stages(self) -> dict[str, str]:
        state = self.home.registry.lifecycle("loan").state()
        return {release: stage.value for release, stage in state.stages.items()}

    def decisions(self) -> list[str]:
        events = self.home.store.control.events("loan", ["loop.decided"])
        return [event.payload["decision"] for event in events]

    def open_incident(self, class_: str, action: Action, since: int = 0) -> Incident:
        incident = Incident(
            id=f"i-{class_}", model="loan", release="r", status=IncidentStatus.OPEN, class_=class_,
            kind="missing", action=action, features=("monthly_income",), sentence="It is so.",
            since=since, opened_at=now_us(), opened_row=10, onset_row=5,
        )  # fmt: skip
        self.home.store.control.append(OPENED, "loan", as_payload(incident), at=now_us())
        return incident


@pytest.fixture
def life(project: Path, tmp_path: Path):
    shutil.copytree(project, tmp_path / "loan")
    found = Life(tmp_path / "loan")
    yield found
    found.context.__exit__(None, None, None)


def test_a_stable_model_is_left_alone_and_only_news_is_told(life: Life):
    for _ in range(4):
        life.send(200)
        life.step()
    assert life.decisions() == ["wait", "wait"]  # too few outcomes at first, and then enough
    assert life.asks == []


def test_before_outcomes_nothing_can_be_told(life: Life):
    life.step()
    assert life.decisions() == ["could_not_tell"]


def test_a_drift_is_learned_tried_beside_the_champion_and_promoted(life: Life):
    first, begin = life.champion(), now_us()
    life.send(600, drifted=True)
    assert "retrain: log_loss" in life.step()
    [ask] = life.asks
    assert "risen by 20% or more" in ask.reason
    assert "retraining made" in life.step()  # and audited, as its gate is open
    life.step()
    [second] = [r for r, stage in life.stages().items() if stage == "shadow"]
    assert life.champion() == first
    assert life.home.store.training.pieces("loan", second)[0].since >= begin  # not the old world
    assert life.decisions()[-1] == "vetoed"  # a challenger is being tried

    life.send(420, drifted=True)
    assert "canary with 50.0%" in life.step()
    assert life.champion() == first
    life.send(40, drifted=True, release=second)
    assert "promote" in life.step()
    assert (life.champion(), life.stages()[first]) == (second, "standby")
    checks = life.home.registry.lifecycle("loan").state().checks[second]
    assert {name for name, check in checks.items() if check.passed} == {"shadow", "canary"}
    assert len(life.asks) == 1

    told = history(life.home.store.control.events("loan"), incidents={}, newest_first=False)
    assert {"lifecycle.promote", "retrain.finished", "loop.decided"} <= {e.kind for e in told}


def test_a_shadow_that_a_server_serves_is_judged_by_what_it_answered_there(life: Life):
    life.send(600, drifted=True)
    for _ in range(3):
        life.step()
    [second] = [r for r, stage in life.stages().items() if stage == "shadow"]
    count, at = 60, now_us()
    life.home.store.shadows.append_columns(
        {"id": [f"s{i}" for i in range(count)], "model": ["loan"] * count,
         "release": [second] * count, "at": [at] * count, "received": [at] * count,
         "score": [None] * count, "decision": [None] * count, "failed": [True] * count,
         "micros": [9] * count},
    )  # fmt: skip
    assert "60 of 60 answers failed" in life.step()
    assert life.stages()[second] == "rejected"


def test_a_new_champion_that_does_worse_than_the_standby_goes_back(life: Life):
    first = life.champion()
    table = generate(seed=6, rows=900).table.select(COLUMNS)
    other = {"repaid": "defaulted", "defaulted": "repaid"}
    flipped = [other[value] for value in table.column("outcome").to_pylist()]
    at = table.schema.get_field_index("outcome")
    path = life.config.parent / "flipped.parquet"
    pq.write_table(table.set_column(at, "outcome", [flipped]), path)
    second = retrain(life.config, Ask(data=path, reason="by mistake")).release
    life.home.registry.promote("loan", second, reason="by mistake", by="a test")
    life.send(900)
    said = life.step()
    assert "rolled back" in said, said
    assert (life.champion(), life.stages()[second]) == (first, "quarantined")
    event = life.home.store.control.events("loan", ["lifecycle.rollback"])[-1]
    assert event.payload["by"] == "holdfast"
    assert "the standby does better: over 400 rows" in event.payload["reason"]


def test_an_open_pipeline_incident_vetoes_whatever_the_loss_says(life: Life):
    life.open_incident("pipeline", Action.FIX_PIPELINE)
    life.send(600, drifted=True)
    said = life.step()
    assert "vetoed" in said
    assert "i-pipeline" in said
    assert life.asks == []


def test_a_loss_under_a_pipeline_incident_does_not_speak_after_it_is_mended(life: Life):
    life.send(100)
    begin = now_us()
    life.send(600, drifted=True)
    life.step()
    life.asks.clear()
    life.home.store.training.spoil("loan", "i1", Interval(begin, now_us() + 5_000), at=now_us())
    for release, stage in life.stages().items():
        if stage not in ("champion", "quarantined"):
            life.home.registry.lifecycle("loan").reject(
                release, at=now_us(), by="a test", reason="begin anew"
            )
    life.loop = Loop(life.home, "loan", life.loop.policy, life.train)
    life.send(300)
    life.step()
    assert life.decisions()[-1] == "wait"
    assert life.asks == []


def test_what_learned_from_rows_found_spoiled_is_quarantined_and_never_promoted(life: Life):
    begin = now_us()
    life.send(600, drifted=True)
    life.step()
    life.step()
    life.step()
    [second] = [r for r, stage in life.stages().items() if stage == "shadow"]
    life.home.store.training.spoil("loan", "i9", Interval(begin, None), at=now_us())
    assert "quarantined release" in life.step()
    assert life.stages()[second] == "quarantined"


def test_a_policy_that_is_not_automatic_only_tells(life: Life):
    life.loop.policy = msgspec.structs.replace(life.loop.policy, automatic=False)
    life.send(600, drifted=True)
    assert "retrain: log_loss" in life.step()
    assert life.asks == []
    assert life.decisions() == ["retrain"]


def test_a_restart_goes_on_where_the_loop_was(life: Life):
    life.send(600, drifted=True)
    life.step()
    life.loop = Loop(life.home, "loan", life.loop.policy, life.train)
    life.step()
    life.step()
    assert "shadow" in life.stages().values()
    assert len(life.asks) == 1


def test_two_loops_over_one_store_retrain_once(life: Life):
    life.send(600, drifted=True)
    other = Loop(life.home, "loan", life.loop.policy, life.train)
    life.step()
    other.step(now_us() + 10_000)
    life.step()
    other.step(now_us() + 10_000)
    finished = life.home.store.control.events("loan", ["retrain.finished"])
    assert len(finished) == 1


def test_a_loop_that_decided_before_the_other_one_was_done_trains_nothing_more(life: Life):
    life.send(600, drifted=True)
    given: list[Any] = []

    def slower(ask) -> Future:
        life.train(msgspec.structs.replace(ask, key="loan:the cause as the other one saw it:0"))
        given.append(life.train(ask).result())
        done: Future = Future()
        done.set_result(given[0])
        return done

    loop = Loop(life.home, "loan", life.loop.policy, slower)
    loop.step(now_us() + 10_000)
    [second] = given
    assert (second.outcome, second.release) == ("idle", None)
    assert "is being tried" in second.why[0]
    assert len(life.home.store.control.events("loan", ["retrain.finished"])) == 1


def test_the_policy_explains_what_stood_at_an_event(life: Life, capsys, monkeypatch):
    monkeypatch.chdir(life.config.parent)
    life.send(600, drifted=True)
    life.open_incident("pipeline", Action.FIX_PIPELINE)
    life.step()
    [event] = life.home.store.control.events("loan", ["loop.decided"])
    capsys.readouterr()
    assert main(["policy", "explain", "--at", str(event.seq)]) == 0
    then = " ".join(capsys.readouterr().out.split())
    assert "A retraining is asked for, and forbidden" in then
    assert main(["policy", "explain", "--json"]) == 0
    now = msgspec.json.decode(capsys.readouterr().out)
    assert (now["decision"], now["cause"]) == ("vetoed", event.payload["cause"])
    assert main(["policy", "explain", "--at", "1"]) == 2
    capsys.readouterr()
    assert main(["policy", "check", "--json"]) == 0
    assert msgspec.json.decode(capsys.readouterr().out)["automatic"] is True
    assert main(["policy", "show", "--json"]) == 0
    clauses = msgspec.json.decode(capsys.readouterr().out)["clauses"]
    given = {c["key"]: c["value"] for c in clauses if c["given"]}
    assert given["when.growth"] == "false"
    assert given["canary.steps"] == "[0.5]"
    assert {c["key"]: c["value"] for c in clauses}["shadow.max_error_rate"] == "0.001"
