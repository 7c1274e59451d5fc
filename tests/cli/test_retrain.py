"""`holdfast retrain`: a candidate or a reason, and the champion stays what it is."""

from __future__ import annotations

import datetime
import itertools
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.cli.projects import COLUMNS, asked, build

from holdfast.app.basics import now_us
from holdfast.app.project import build_release
from holdfast.app.training import WEIGHT
from holdfast.cli import main
from holdfast.demo.loans import generate
from holdfast.diagnosis.incidents import OPENED, as_payload
from holdfast.records import Action, Incident, IncidentStatus
from holdfast.releases import Registry
from holdfast.storage import Store
from holdfast.storage.training import Interval

TRAIN = """
from holdfast.models.recipes import boosted_trees

def train(frame, context):
    seen = context.checkpoints / "seen"
    print("again" if seen.exists() else "first", context.rows, context.reason, flush=True)
    seen.touch()
    assert context.start < context.end
    context.progress("fitting", 0.5)
    return boosted_trees(frame, context.features, context.target, positive=context.positive)
"""

pytestmark = pytest.mark.xdist_group("retrain")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a champion, built once; tests work on copies."""
    folder = tmp_path_factory.mktemp("retrain")
    for name, seed in (("loans", 5), ("later", 8)):
        table = generate(seed=seed, rows=700).table.select(COLUMNS)
        pq.write_table(table, folder / f"{name}.parquet")
    words = ["--target", "outcome", "--id", "application_id", "--event-time", "applied_at"]
    data = str(folder / "loans.parquet")
    assert main(["init", str(folder / "loan"), "--data", data, *words]) == 0
    build(folder / "loan")
    return folder / "loan"


@pytest.fixture
def here(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh copy of the project as the working directory."""
    shutil.copytree(project, tmp_path / "loan")
    shutil.copy(project.parent / "later.parquet", tmp_path / "later.parquet")
    monkeypatch.chdir(tmp_path / "loan")
    return tmp_path / "loan"


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Any:
    """Retrains with ``--json``; gives exit code and object."""
    return partial(asked, capsys, "retrain")


def champion(here: Path) -> Any:
    with Store.open(here / "holdfast.db") as store:
        return store.catalog.champion("loan")


def events(here: Path) -> list[Any]:
    with Store.open(here / "holdfast.db") as store:
        return store.control.events("loan", ["retrain.finished", "retrain.rejected"])


def open_incident(here: Path, class_: str, action: Action) -> None:
    incident = Incident(
        id=f"i-{class_}", model="loan", release="r", status=IncidentStatus.OPEN, class_=class_,
        kind="missing", action=action, features=("monthly_income",), sentence="It is so.",
        since=0, opened_at=now_us(), opened_row=10, onset_row=5,
    )  # fmt: skip
    with Store.open(here / "holdfast.db") as store:
        store.control.append(OPENED, "loan", as_payload(incident), at=now_us())


def test_a_candidate_is_made_once_and_the_champion_stays(here: Path, ask):
    before = champion(here)
    (here / "train.py").write_text(TRAIN)
    words = ["--now", "--data", "../later.parquet", "--reason", "more rows"]
    code, first = ask(*words)
    assert (code, first["outcome"]) == (0, "made"), first
    assert first["release"] != before.release
    assert "first 700 more rows" in (log := first["run"]["log_tail"]), log
    assert champion(here) == before
    [event] = events(here)
    assert event.kind == "retrain.finished"
    assert event.payload["release"] == first["release"]
    assert event.payload["parent"] == before.release
    assert event.payload["reason"] == "more rows"
    assert event.payload["seconds"] > 0

    code, second = ask(*words)
    assert (code, second["outcome"]) == (0, "already")
    assert second["release"] == first["release"]
    assert len(events(here)) == 1


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("raise ValueError('no such column')", "no such column"),
        ("return 7", "training failed"),
        ("return lambda rows: rows", "training failed"),
        ("import os; os._exit(0)", "left no result"),
        ("import os; os.kill(os.getpid(), 11)", "SIGSEGV"),
        ("import time; time.sleep(60)", "training timed out"),
        ("return bytearray(10**11)", "training out of memory"),
    ],
)
def test_whatever_train_does_the_champion_stays(here: Path, ask, body: str, why: str):
    before = champion(here)
    (here / "train.py").write_text(f"def train(table, features, target, positive):\n    {body}\n")
    code, told = ask("--now", "--time", "3s")
    assert (code, told["outcome"], told["release"]) == (1, "rejected", None)
    assert why in told["why"][0]
    assert champion(here) == before
    [event] = events(here)
    assert event.kind == "retrain.rejected"
    assert why in event.payload["why"][0]


def test_a_retrain_that_was_cut_short_goes_on_from_its_checkpoints(here: Path, ask):
    once = "if not seen.exists():\n        seen.touch(); import os; os.kill(os.getpid(), 9)"
    (here / "train.py").write_text(TRAIN.replace("seen.touch()", once))
    code, told = ask("--now")
    assert (code, told["run"]["status"]) == (1, "killed")
    assert "first 700" in told["run"]["log_tail"]
    (here / "train.py").write_text(TRAIN)
    code, told = ask("--now", "--key", told["key"])
    assert (code, told["outcome"]) == (0, "made"), told
    assert told["run"]["log_tail"].startswith("again 700")


def test_a_rejected_retrain_may_be_tried_again_under_its_key(here: Path, ask):
    sound = (here / "train.py").read_text()
    (here / "train.py").write_text("def train(table, features, target, positive):\n    1 / 0\n")
    assert ask("--now", "--key", "k")[0] == 1
    assert ask("--now", "--key", "k")[0] == 1
    (here / "train.py").write_text(sound)
    assert ask("--now", "--key", "k")[1]["outcome"] == "made"
    kinds = [event.kind for event in events(here)]
    assert kinds == ["retrain.rejected", "retrain.rejected", "retrain.finished"]


@pytest.mark.parametrize("class_", ["pipeline", "unknown"])
@pytest.mark.parametrize("how", ["--now", "--if-needed"])
def test_an_open_incident_about_the_rows_vetoes(here: Path, ask, class_: str, how: str):
    open_incident(here, "concept", Action.RETRAIN)
    open_incident(here, class_, Action.FIX_PIPELINE)
    code, told = ask(how)
    assert (code, told["outcome"], told["incidents"]) == (3, "vetoed", [f"i-{class_}"])
    assert events(here) == []


def test_a_veto_can_be_overridden_and_the_event_says_why(here: Path, ask):
    open_incident(here, "pipeline", Action.FIX_PIPELINE)
    code, told = ask("--now", "--override", "the source is repaired")
    assert (code, told["outcome"]) == (0, "made"), told
    [event] = events(here)
    assert event.payload["override"] == "the source is repaired"
    assert event.payload["vetoed_by"] == ["i-pipeline"]


def log_judged_rows(here: Path, count: int) -> None:
    """Logs rows of another lender's book with their outcomes, after the training table's times."""
    rows = generate(seed=11, rows=count).table.select(COLUMNS).to_pylist()
    names = [f"j{i}" for i in range(count)]
    at = [now_us() - 1_000_000 + i for i in range(count)]
    sent = [
        {k: v for k, v in row.items() if k not in ("outcome", "applied_at", "application_id")}
        for row in rows
    ]
    with Store.open(here / "holdfast.db") as store:
        release = store.catalog.champion("loan").release
        store.predictions.append_columns(
            {"id": names, "model": ["loan"] * count, "at": at, "received": at,
             "release": [release] * count, "score": [0.1] * count,
             "features": [msgspec.json.encode(row).decode() for row in sent]},
        )  # fmt: skip
        store.labels.append_columns(
            {"id": names, "model": ["loan"] * count, "known_at": at, "received": at,
             "value": [f'"{row["outcome"]}"' for row in rows]},
        )  # fmt: skip


def policy(here: Path, text: str) -> None:
    settings = (here / "holdfast.toml").read_text()
    (here / "holdfast.toml").write_text(f"{settings}\n{text}")


def test_if_needed_does_nothing_unless_the_policy_asks(here: Path, ask):
    code, told = ask("--if-needed")
    assert (code, told["outcome"]) == (3, "idle")
    assert "could not be told" in told["why"][0]


def test_if_needed_waits_for_outcomes_although_an_incident_asks(here: Path, ask):
    open_incident(here, "concept", Action.RETRAIN)
    code, told = ask("--if-needed")
    assert (code, told["outcome"], told["incidents"]) == (3, "vetoed", ["i-concept"])
    assert "0 outcomes came" in told["why"][0]


def test_if_needed_trains_for_the_incident_that_asks_and_names_it(here: Path, ask):
    open_incident(here, "concept", Action.RETRAIN)
    log_judged_rows(here, 60)
    policy(here, "[policy.unless]\nmatured_labels = 50\n")
    code, told = ask("--if-needed")
    assert (code, told["outcome"], told["incidents"]) == (0, "made", ["i-concept"]), told
    assert "i-concept" in events(here)[0].payload["reason"]


def test_a_moved_share_of_outcomes_gets_a_new_calibration_of_the_same_model(here: Path, ask):
    open_incident(here, "prior", Action.RECALIBRATE)
    log_judged_rows(here, 500)
    policy(here, "[policy.unless]\nmatured_labels = 50\n")
    code, told = ask("--if-needed", "--since-log")
    assert (code, told["outcome"]) == (0, "made"), told
    with Registry(here / "holdfast.db") as registry:
        before, after = registry.champion("loan"), registry.open(told["release"])
    assert after.manifest.parent == before.id
    assert after.manifest.model_kind == "calibrated"
    row = {"employment_type": "none", "income_source": "salary", "monthly_income": 1000.0,
           "loan_amount": 5000.0}  # fmt: skip
    rows = [{**row, "monthly_income": income} for income in (500.0, 2000.0, 9000.0)]
    old, new = before.model.predict(rows), after.model.predict(rows)
    assert [a < b for a, b in itertools.pairwise(old)] == [
        a < b for a, b in itertools.pairwise(new)
    ]


def test_a_recalibration_without_outcomes_is_rejected_and_says_so(here: Path, ask):
    open_incident(here, "prior", Action.RECALIBRATE)
    log_judged_rows(here, 60)
    policy(here, "[policy.unless]\nmatured_labels = 50\n")
    code, told = ask("--if-needed", "--since-log")
    assert (code, told["outcome"]) == (1, "rejected")
    assert "too few judged rows" in told["why"][0]


def test_a_policy_that_cannot_be_read_is_told_before_anything_runs(here: Path, ask):
    policy(here, "[policy.unless]\ncool_down = '7d'\n")
    code, told = ask("--now")
    assert (code, told["error"]["code"]) == (2, "HF-E-POLICY")
    assert "unless.cooldown" in told["error"]["expected"]


def test_a_second_retrain_is_told_that_one_is_running(here: Path, ask):
    with Store.open(here / "holdfast.db") as store:
        assert store.catalog.acquire("retrain/loan", "another", 60_000_000, now_us()) == 1
    code, told = ask("--now")
    assert (code, told["why"]) == (3, ["another retrain is running"])


def test_a_lost_lease_is_no_result(here: Path, ask, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("holdfast.app.retrain.LEASE_TTL", 0)  # runs out as soon as it is taken
    code, told = ask("--now")
    assert (code, told["error"]["code"]) == (2, "HF-E-STORE-FENCED")
    assert events(here) == []


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--now", "--if-needed"],
        ["--now", "--time", "soon"],
        ["--now", "--time", "0m"],
        ["--now", "--memory", "4"],
        ["--now", "--data", "none.parquet"],
        ["--now", "--config", "none.toml"],
    ],
)
def test_a_call_that_makes_no_sense_is_refused(here: Path, ask, words: list[str]):
    assert ask(*words)[0] == 2


def test_logged_rows_are_learned_from_once_their_label_has_come(here: Path, ask):
    (here / "train.py").write_text(TRAIN)
    rows = pq.read_table(here.parent / "later.parquet").slice(0, 3).to_pylist()
    at = [int(row["applied_at"].timestamp() * 1e6) for row in rows]
    sent = [
        {k: v for k, v in row.items() if k not in ("outcome", "applied_at", "application_id")}
        for row in rows
    ]
    names = ["a", "b", "c"]
    with Store.open(here / "holdfast.db") as store:
        store.predictions.append_columns(
            {"id": names, "model": ["loan"] * 3, "at": at, "received": at,
             "features": [msgspec.json.encode(row).decode() for row in sent]},
        )  # fmt: skip
        store.labels.append_columns(
            {"id": names[:2], "model": ["loan"] * 2, "value": ['"repaid"', '"defaulted"'],
             "known_at": at[:2], "received": at[:2]},
        )  # fmt: skip
    code, told = ask("--now", "--since-log")
    assert (code, told["outcome"]) == (0, "made"), told
    assert "first 702" in told["run"]["log_tail"]
    [path] = (here / "holdfast.retrain").glob("rows-*.parquet")
    last = pq.read_table(path).slice(700).to_pylist()
    assert [row["outcome"] for row in last] == ["repaid", "defaulted"]
    assert [row["application_id"] for row in last] == ["a", "b"]
    assert last[0]["monthly_income"] == rows[0]["monthly_income"]
    assert last[0]["applied_at"] == rows[0]["applied_at"]


def test_selective_labels_are_told_and_their_weights_reach_the_training(here: Path, ask):
    given = "print('weights', context.weights.min(), context.weights.max(), flush=True)"
    (here / "train.py").write_text(
        TRAIN.replace("    seen.touch()", f"    {given}\n    seen.touch()")
    )
    rows = pq.read_table(here.parent / "later.parquet").to_pylist()
    names = [row["application_id"] for row in rows]
    at = [int(row["applied_at"].timestamp() * 1e6) for row in rows]
    explored = [n % 10 == 0 for n in range(len(rows))]
    refused = [n % 2 == 0 for n in range(len(rows))]
    chance = [0.2 if e else 0.8 if r else 1.0 for e, r in zip(explored, refused, strict=True)]
    known = [n for n in range(len(rows)) if explored[n] or not refused[n]]
    with Store.open(here / "holdfast.db") as store:
        store.predictions.append_columns(
            {"id": names, "model": ["loan"] * len(rows), "at": at, "received": at,
             "score": [0.3] * len(rows), "explored": explored, "propensity": chance,
             "decision": ["repaid" if n in known else "defaulted" for n in range(len(rows))],
             "features": [
                 msgspec.json.encode(
                     {k: row[k] for k in COLUMNS[2:-1]}
                 ).decode() for row in rows
             ]},
        )  # fmt: skip
        store.labels.append_columns(
            {"id": [names[n] for n in known], "model": ["loan"] * len(known),
             "value": [msgspec.json.encode(rows[n]["outcome"]).decode() for n in known],
             "known_at": [at[n] for n in known], "received": [at[n] for n in known]},
        )  # fmt: skip
    code, told = ask("--now", "--since-log")
    assert (code, told["outcome"]) == (0, "made"), told
    assert "weights 1.0 5.0" in told["run"]["log_tail"]
    assert any("labels are selective" in line for line in told["why"])
    assert any("70 explored rows have their label" in line for line in told["why"])
    assert events(here)[-1].payload["why"] == told["why"]
    with Registry(here / "holdfast.db") as registry:
        assert WEIGHT not in [f.name for f in registry.open(told["release"]).contract.fields]


def test_a_contract_learned_from_weighted_rows_does_not_know_the_weights(here: Path):
    rows = pq.read_table(here.parent / "later.parquet")
    rows = rows.append_column(WEIGHT, pa.array([1.0, 5.0] * (rows.num_rows // 2)))
    release, _ = build_release(here / "holdfast.toml", rows=rows, promote=False)
    assert WEIGHT not in [field.name for field in release.contract.fields]


def test_a_candidate_whose_gate_is_shut_is_rejected_and_named(here: Path, ask):
    before = champion(here)
    settings = (here / "holdfast.toml").read_text()
    (here / "holdfast.toml").write_text(settings + '[gate]\nrequire = ["recall >= 0.9999"]\n')
    code, told = ask("--now")
    assert (code, told["outcome"], told["gate"]) == (1, "rejected", "failed"), told
    assert any("recall" in line for line in told["why"])
    [event] = events(here)
    assert (event.kind, event.payload["release"]) == ("retrain.rejected", told["release"])
    assert champion(here) == before


def test_a_person_reads_what_vetoes_and_what_to_do(here: Path, capsys):
    open_incident(here, "unknown", Action.INVESTIGATE)
    capsys.readouterr()
    assert main(["retrain", "--now"]) == 3
    said = capsys.readouterr().out
    assert "Incident i-unknown (unknown: missing): It is so." in " ".join(said.split())
    assert "--override" in said


def test_a_release_is_built_with_the_newer_form_as_well(here: Path, capsys):
    (here / "train.py").write_text(TRAIN)
    assert main(["release", "build", "--no-promote"]) in (0, 1)
    assert "first 700" in capsys.readouterr().out


def test_rows_under_an_incident_are_not_learned_from(here: Path, ask):
    table = pq.read_table(here.parent / "later.parquet")
    times = sorted(t.timestamp() for t in table.column("applied_at").to_pylist())
    middle = [int(times[i] * 1_000_000) for i in (200, 400)]
    with Store.open(here / "holdfast.db") as store:
        store.training.spoil("loan", "i1", Interval(*middle), at=now_us())
    (here / "train.py").write_text(TRAIN)
    code, made = ask("--now", "--data", "../later.parquet", "--reason", "again")
    assert (code, made["outcome"]) == (0, "made"), made
    assert "first 500 again" in (log := made["run"]["log_tail"]), log
    with Store.open(here / "holdfast.db") as store:
        first, _ = store.training.pieces("loan", made["release"])
        assert first.until == middle[0]
        store.training.spoil("loan", "i2", Interval(0, middle[0]), at=now_us())
        assert store.training.tainted("loan")[made["release"]] == ("i2",)


def log_answers(here: Path, rows: list[dict[str, Any]], labelled: int) -> None:
    """Keeps rows as answered predictions; the first of them have their outcome."""
    at = [int(row["applied_at"].timestamp() * 1e6) for row in rows]
    names = [row["application_id"] for row in rows]
    hidden = ("outcome", "applied_at", "application_id")
    sent = [{k: v for k, v in row.items() if k not in hidden} for row in rows]
    with Store.open(here / "holdfast.db") as store:
        store.predictions.append_columns(
            {"id": names, "model": ["loan"] * len(rows), "at": at, "received": at,
             "features": [msgspec.json.encode(row).decode() for row in sent]},
        )  # fmt: skip
        store.labels.append_columns(
            {"id": names[:labelled], "model": ["loan"] * labelled,
             "value": [msgspec.json.encode(row["outcome"]).decode() for row in rows[:labelled]],
             "known_at": at[:labelled], "received": at[:labelled]},
        )  # fmt: skip


def test_rows_that_look_broken_are_not_learned_from_though_no_incident_was_opened(here: Path, ask):
    rows = generate(seed=8, rows=1_500).table.select(COLUMNS).to_pylist()
    for n, row in enumerate(rows):
        row["applied_at"] += datetime.timedelta(days=10)
        row["monthly_income"] *= 100 if 700 <= n < 1_200 else 1
    log_answers(here, rows, labelled=len(rows))
    code, told = ask("--now", "--since-log")
    assert (code, told["outcome"]) == (0, "made"), told
    assert any("look broken" in line and "monthly_income" in line for line in told["why"]), told
    with Store.open(here / "holdfast.db") as store:
        pieces = store.training.pieces("loan", told["release"])
    begin, end = (int(rows[n]["applied_at"].timestamp() * 1e6) for n in (700, 1_199))
    assert pieces
    assert not any(piece.meets(Interval(begin, end + 1)) for piece in pieces)


def test_a_policy_can_do_without_the_screening(here: Path, ask):
    rows = generate(seed=8, rows=1_000).table.select(COLUMNS).to_pylist()
    for row in rows:
        row["applied_at"] += datetime.timedelta(days=10)
        row["monthly_income"] *= 100
    log_answers(here, rows, labelled=len(rows))
    policy(here, "[policy]\nscreening = false\n")
    code, told = ask("--now", "--since-log")
    assert not any("look broken" in line for line in told["why"]), (code, told)


def test_the_newest_rows_are_held_back_for_the_challenger_to_be_judged_on(here: Path, ask):
    (here / "train.py").write_text(TRAIN)
    rows = generate(seed=8, rows=600).table.select(COLUMNS).to_pylist()
    for row in rows:
        row["applied_at"] += datetime.timedelta(days=10)
    log_answers(here, rows, labelled=len(rows))
    policy(here, "[policy]\nscreening = false\n[policy.gates]\nheld_back = 250\n")
    code, told = ask("--now", "--since-log")
    assert (code, told["outcome"]) == (0, "made"), told
    with Store.open(here / "holdfast.db") as store:
        pieces = store.training.pieces("loan", told["release"])
    assert pieces[-1].until == int(rows[350]["applied_at"].timestamp() * 1e6)
