"""The parts of the demo, each by itself."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import httpx
import msgspec
import numpy as np
import pyarrow as pa
import pytest

from holdfast.app.settings import load_settings
from holdfast.demo import naive, processes, replay, score, story, train
from holdfast.demo.telling import judge
from holdfast.errors import DataError, HoldfastError, UsageError
from holdfast.evaluation import Costs
from holdfast.monitoring.actions import ActionPolicy
from holdfast.records import Automatic


@pytest.fixture(scope="module")
def told() -> story.Story:
    return story.generated(seed=1)


def test_the_first_half_trains_and_the_second_half_arrives(told: story.Story):
    assert told.train.num_rows == told.replay.num_rows == 10_000
    last = told.train["applied_at"][-1].as_py()
    assert last <= told.replay["applied_at"][0].as_py()


def test_neither_target_nor_id_nor_time_is_an_input(told: story.Story):
    assert {"outcome", "application_id", "applied_at"}.isdisjoint(told.features)
    assert len(told.features) == 13


def test_a_client_sends_no_target_and_times_as_text(told: story.Story):
    row = told.rows(told.replay.slice(0, 1))[0]
    assert "outcome" not in row
    assert json.loads(json.dumps(row)) == row


def test_the_model_reaches_the_numbers_of_the_story(told: story.Story):
    model = told.fit(told.train, told.features)
    assert train.training_accuracy(told, model) == pytest.approx(0.97, abs=0.01)
    assert train.cv_accuracy(told) >= 0.94


def test_another_table_is_refused_by_name_of_what_it_lacks(tmp_path: Path):
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="not the table that the real story needs"):
        story.real(path)


def test_the_phases_cover_every_request_once():
    for requests in (40, 41, 42, 43, 2227, 3000):
        rows = [i for phase in story.phases(requests).values() for i in phase]
        assert rows == list(range(requests))


def test_the_naive_service_fills_the_default_and_says_nothing(told: story.Story):
    class Model:
        def predict(self, rows):
            return np.array([1.0 if row["job"] == "partime" else 0.0 for row in rows])

    app = naive.make_app(
        Model(), threshold=0.5, decisions=("good", "bad"), field="job", default="partime"
    )

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://naive") as client:
            body = {"rows": [{"job": "fixed"}, {"job": None}, {}], "ids": ["a", "b", "c"]}
            return await client.post("/v1/models/loan/predict", json=body)

    answer = asyncio.run(ask())
    decisions = [p["decision"] for p in answer.json()["predictions"]]
    assert decisions == ["good", "bad", "bad"]
    assert "violations" not in answer.json()["predictions"][1]


def test_no_decision_counts_as_wrong_and_as_no_approval():
    bad = np.array([False, True])
    assert score.measure([None, None], bad, Costs(1, 3)) == score.Measure(2, 0.0, 0.0, 0.5)


def test_the_recovered_share_is_one_when_healthy_and_zero_when_naive():
    assert score.recovered(0.5, 0.25, 0.25) == 1.0
    assert score.recovered(0.5, 0.5, 0.25) == 0.0
    assert np.isnan(score.recovered(0.25, 0.25, 0.25))


def test_the_first_flag_counts_from_the_first_null():
    fine = {"violations": []}
    null = {"violations": [{"field": "Job", "code": "null"}]}

    def flagged(answer: dict[str, object]) -> bool:
        return replay.flags_null(answer, "Job")

    assert replay.first([null, fine, null, fine], range(1, 4), flagged) == 2
    assert replay.first([fine], range(1), flagged) is None
    assert replay.first([fine, null], range(1), flagged) is None


def test_a_field_arrives_null_or_filled_and_nothing_else_changes(told: story.Story):
    row = {"employment_type": "public", "age": 40}
    assert told.broken(row) == {"employment_type": None, "age": 40}
    filled = msgspec.structs.replace(told, fault="prefilled")
    assert filled.broken(row) == {"employment_type": "none", "age": 40}
    assert row["employment_type"] == "public"


def test_the_settings_of_the_demo_switch_what_looks_right_and_leave_nulls_to_the_guard(
    tmp_path: Path,
):
    path = tmp_path / "holdfast.toml"
    path.write_text(processes.SETTINGS)
    policy = ActionPolicy(load_settings(config=path).actions)
    assert Automatic.FALLBACK in policy.of("default_filled", "pipeline")
    assert Automatic.FALLBACK not in policy.of("missing", "pipeline")
    assert Automatic.FALLBACK not in policy.of("covariate_drift", "covariate")


def test_the_replay_slows_down_only_while_answers_lag_behind(monkeypatch: pytest.MonkeyPatch):
    class Client:
        def __init__(self, url: str) -> None: ...
        def __enter__(self):
            return self

        def __exit__(self, *_: object) -> None: ...
        def predict(self, model, rows, *, ids, source):
            return [{"id": ids[0]}]

    slept: list[float] = []
    monkeypatch.setattr(replay, "Client", Client)
    monkeypatch.setattr(replay.time, "sleep", slept.append)
    stack = replay.Stack("holdfast", "")
    replay.send([stack], [{}] * 6, "form", lambda _: None, lambda number: number in (3, 4))
    assert len(stack.answers) == 6
    assert len(slept) == 2
    assert all(0 <= seconds <= 1 / replay.UNHURRIED for seconds in slept)


def incident(row: int, *features: str) -> dict[str, object]:
    return {
        "opened_row": row, "features": list(features), "kind": "missing", "class": "pipeline",
        "action": "fix_pipeline",
    }  # fmt: skip


def test_an_incident_outside_the_fault_is_a_false_one(told: story.Story):
    answer = {"decision": "repaid", "verdict": "ok", "violations": []}
    stacks = {n: replay.Stack(n, "", [answer] * 8) for n in ("naive", "holdfast")}
    verdict = judge(
        told, stacks, np.zeros(8, dtype=bool), story.phases(8),
        approve="repaid", healthy=score.Measure(4, 1.0, 1.0, 0.0),
        incidents=[incident(2, "age"), incident(5, "employment_type"), incident(8, "age")],
        report="r.html",
    )  # fmt: skip
    assert verdict.false_incidents == 2
    assert verdict.requests_until_incident == 3
    assert verdict.incident is not None
    assert verdict.incident.feature == "employment_type"


def test_the_switch_is_timed_from_the_first_broken_row_and_from_the_mend(told: story.Story):
    off = {"decision": "repaid", "verdict": "degraded",
           "violations": [{"field": "employment_type", "code": "switched_off"}]}  # fmt: skip
    other = {"decision": None, "verdict": "abstained", "violations": off["violations"]}
    good = {"decision": "repaid", "verdict": "ok", "violations": []}
    answers = [good, good, good, off, off, off, other, good]
    stacks = {n: replay.Stack(n, "", answers) for n in ("naive", "holdfast")}
    verdict = judge(
        msgspec.structs.replace(told, fault="prefilled"), stacks, np.zeros(8, dtype=bool),
        story.phases(8), approve="repaid", healthy=score.Measure(4, 1.0, 1.0, 0.0),
        incidents=[incident(3, "employment_type")], report="",
    )  # fmt: skip
    assert verdict.requests_until_fallback == 2
    assert verdict.requests_until_back == 2
    assert verdict.requests_until_flagged is None
    assert verdict.on_fallback is not None
    assert verdict.on_fallback["holdfast"].requests == 3
    assert (verdict.fault, verdict.culprit) == ("prefilled", "employment_type")


def test_without_an_incident_the_verdict_says_none(told: story.Story):
    answer = {"decision": None, "verdict": "ok", "violations": []}
    stacks = {n: replay.Stack(n, "", [answer] * 8) for n in ("naive", "holdfast")}
    verdict = judge(
        told, stacks, np.zeros(8, dtype=bool), story.phases(8), approve="repaid",
        healthy=score.Measure(4, 1.0, 1.0, 0.0), incidents=[], report="",
    )  # fmt: skip
    assert (verdict.incident, verdict.requests_until_incident) == (None, None)
    assert (verdict.kind, verdict.culprit, verdict.requests_until_fallback) == (None, None, None)


def test_a_server_that_does_not_start_is_told_with_the_end_of_its_log(tmp_path: Path):
    with (
        pytest.raises(HoldfastError, match="No module named"),
        processes.running(["no_such_module_of_ours"], tmp_path, "broken"),
    ):
        pass


def test_a_server_process_has_ended_after_the_block_even_when_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    program = tmp_path / "patient.py"
    program.write_text(
        "import os, pathlib, sys, time\n"
        "pathlib.Path(sys.argv[1] + '.pid').write_text(str(os.getpid()))\n"
        "pathlib.Path(sys.argv[1]).write_text('http://127.0.0.1:1')\n"
        "time.sleep(600)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def fail() -> None:
        with processes.running(["patient", "{ready}"], tmp_path, "patient"):
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        fail()
    pid = int((tmp_path / "patient.url.pid").read_text())
    assert not Path(f"/proc/{pid}").exists() or sys.platform != "linux"


def test_too_few_or_too_many_requests_are_refused():
    with pytest.raises(UsageError, match="expected 40 to 100"):
        processes.refuse_too_few(39, 100)
    with pytest.raises(UsageError):
        processes.refuse_too_few(101, 100)


def test_a_real_row_with_a_null_is_sent_as_null():
    table = pa.table({"Status": ["bad"], "Job": pa.array([None], pa.string())})
    told = story.generated(seed=0)
    assert story.Story.rows(_with_target(told, "Status"), table) == [{"Job": None}]


def _with_target(told: story.Story, target: str) -> story.Story:
    return msgspec.structs.replace(told, target=target)
