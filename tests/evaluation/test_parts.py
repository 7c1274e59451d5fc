"""Slices and the paired test against the champion, as parts of every evaluation."""

from __future__ import annotations

import datetime
import json

import numpy as np
import pyarrow as pa
import pytest

import holdfast as hf
from holdfast.errors import DataError, UsageError
from holdfast.evaluation import compare_models, evaluate_task

N = 4_000
_rng = np.random.default_rng(3)
#: a tenth of the rows, in which half of the decisions are wrong
BAD = _rng.random(N) < 0.1
FRAME = pa.table({"town": np.where(BAD, "Secretville", "elsewhere"), "luck": _rng.normal(size=N)})
TRUTH = _rng.random(N) < 0.4
FLIP = np.where(BAD, _rng.random(N) < 0.5, _rng.random(N) < 0.05)
SCORE = np.where(TRUTH ^ FLIP, 0.8, 0.2) + _rng.random(N) * 0.1


class Field:
    def __init__(self, name: str, pii: str) -> None:
        self.name, self.pii = name, pii


class Agreed:
    """As much of a contract as is looked at."""

    def __init__(self, pii: str) -> None:
        self.fields = (Field("town", pii), Field("luck", "unknown"))


def slices_in(found) -> list:
    return [f for f in found.findings if f.code == "HF-E301"]


def everything(found) -> str:
    return json.dumps(found.to_dict()) + found.document().title + repr(found.document())


TASKS = {
    "binary": (TRUTH, SCORE, {}),
    "multiclass": (TRUTH.astype(int), (TRUTH ^ FLIP).astype(int), {}),
    "text": (np.where(TRUTH, "a", "b"), np.where(TRUTH ^ FLIP, "a", "b"), {}),
    "regression": (TRUTH * 3.0, np.where(FLIP, 9.0, TRUTH * 3.0), {}),
}


@pytest.mark.parametrize("task", TASKS)
def test_a_bad_slice_is_a_finding_of_every_task(task):
    truth, said, more = TASKS[task]
    found = hf.evaluate(truth, said, task=task, slices=FRAME, **more)
    (slice_,) = slices_in(found)
    assert slice_.columns == ("town",)
    assert slice_.evidence["inside"] > slice_.evidence["outside"]


@pytest.mark.parametrize("task", TASKS)
def test_values_are_told_only_where_they_may_be(task):
    truth, said, more = TASKS[task]

    def said_with(**shown) -> str:
        return everything(hf.evaluate(truth, said, task=task, slices=FRAME, **more, **shown))

    assert "Secretville" not in said_with()
    assert "Secretville" not in said_with(contract=Agreed("yes"))
    assert "Secretville" not in said_with(show=["luck"])
    assert "Secretville" in said_with(contract=Agreed("no"))
    assert "Secretville" in said_with(show=["town"])


def test_the_champion_is_compared_by_auc_as_by_the_test_itself():
    worse = SCORE + np.random.default_rng(0).normal(0, 0.3, N)
    found = hf.evaluate(TRUTH, SCORE, champion=worse)
    alone = compare_models(TRUTH, worse, SCORE)
    table = next(b for b in found.extra if getattr(b, "rows", None))
    assert table.rows[0][3] == alone.difference.value
    assert "HF-E331" not in {f.code for f in found.findings}


def test_no_evidence_of_gain_over_the_champion_is_a_finding():
    found = hf.evaluate(TRUTH, SCORE, champion=SCORE)
    codes = {f.code: f.sentence for f in found.findings}
    assert codes["HF-E002"].startswith("no evidence of gain over the current champion")
    assert codes["HF-E331"].startswith("No evidence of a gain")
    better = hf.evaluate(TRUTH, _noisy(), champion=SCORE)
    assert "HF-E332" in {f.code for f in better.findings}


def _noisy() -> np.ndarray:
    return SCORE + np.random.default_rng(1).normal(0, 0.5, N)


@pytest.mark.parametrize("task", ["multiclass", "text", "regression"])
def test_other_tasks_test_their_champion_in_pairs(task):
    truth, said, _ = TASKS[task]
    same = hf.evaluate(truth, said, task=task, champion=said)
    assert same.baselines["champion"].verdict == "no evidence of gain"
    assert same.passed is None
    assert {"HF-E002", "HF-E331"} <= {f.code for f in same.findings}
    perfect = hf.evaluate(truth, said, task=task, champion=truth)
    assert perfect.passed is False
    assert {"HF-E003", "HF-E332"} <= {f.code for f in perfect.findings}
    assert perfect.findings[0].severity.rank == max(f.severity.rank for f in perfect.findings)


def test_classes_are_compared_by_the_exact_test_of_mcnemar():
    truth = np.array([0, 1, 2] * 20)
    ours, theirs = truth.copy(), truth.copy()
    theirs[:8] = (truth[:8] + 1) % 3
    found = hf.evaluate(truth, ours, task="multiclass", champion=theirs)
    table = [b for b in found.pictures if getattr(b, "rows", None)][-1]
    assert table.rows[0][6] == pytest.approx(2 * 0.5**8)
    assert table.rows[0][-1] == "mcnemar exact"


def test_rows_of_one_entity_stay_together_in_parts():
    owner = np.arange(N) // 8
    found = hf.evaluate(
        TRUTH.astype(int), (TRUTH ^ FLIP).astype(int), task="multiclass", entity=owner,
        champion=TRUTH.astype(int), slices=FRAME,
    )  # fmt: skip
    tables = [b for b in found.pictures if getattr(b, "rows", None)]
    assert "clustered paired t" in {row[-1] for table in tables for row in table.rows}


def test_a_group_stands_for_the_entity_in_every_task():
    truth, said, _ = TASKS["multiclass"]
    found = hf.evaluate(truth, said, task="multiclass", group=np.arange(N) // 8)
    assert found.unit == "entities"


@pytest.mark.parametrize("task", ["multiclass", "text", "regression"])
def test_times_of_any_kind_are_resampled_in_stretches(task):
    truth, said, _ = TASKS[task]
    days = np.datetime64("2026-01-01") + np.arange(N) // 20
    dates = [
        datetime.date(2026, 1, 1) + datetime.timedelta(days=int(i)) for i in np.arange(N) // 20
    ]
    units = {
        hf.evaluate(truth, said, task=task, event_time=at).units
        for at in (days, dates, pa.array(days), pa.chunked_array([pa.array(days)]))
    }
    assert units == {60}


def test_what_is_of_binary_decisions_only_is_refused_elsewhere():
    truth, said, _ = TASKS["regression"]
    with pytest.raises(UsageError, match="capacity is of binary decisions only"):
        hf.evaluate(truth, said, task="regression", capacity=10)
    lists = {"user": [1], "item": [1], "score": [1.0]}
    with pytest.raises(UsageError, match="slices of a ranking"):
        evaluate_task("ranking", lists, lists, slices=FRAME)


def test_what_is_no_contract_is_refused():
    with pytest.raises(UsageError, match="no contract"):
        hf.evaluate(TRUTH, SCORE, slices=FRAME, contract=object())


def test_a_result_says_its_verdict_in_one_line():
    found = hf.evaluate(TRUTH, SCORE, slices=FRAME)
    first, *others = repr(found).splitlines()
    assert first.startswith("Evaluation: passed. Better than one constant decision.")
    assert len(others) == len(found.findings)
    worse = hf.evaluate(*TASKS["regression"][:2], task="regression", champion=TRUTH * 3.0)
    assert repr(worse).startswith("TaskEvaluation: did not pass. Worse than a baseline.")


@pytest.mark.parametrize("bad", [["0.1", "0.9"], np.array(["2026-01-01"] * 2, "datetime64[D]")])
def test_texts_and_times_are_no_scores(bad):
    with pytest.raises(DataError, match="not made of numbers"):
        hf.evaluate([0, 1], bad)


def test_positives_stand_beside_every_number_that_rests_on_some():
    truth = np.array(["a"] * 70 + ["b"] * 30)
    found = hf.evaluate(truth, truth, task="multiclass")
    assert {e.positives for e in found.metrics.values()} == {30}
    assert {e.positives for e in found.parts["a"].values()} == {70}
    binary = hf.evaluate(TRUTH, SCORE)
    assert {e.positives for e in binary.metrics.values()} == {int(TRUTH.sum())}
    lists = {"user": [1, 2], "item": [1, 2], "score": [1.0, 1.0]}
    ranking = hf.evaluate(lists, lists, task="ranking", k=1)
    assert {e.positives for e in ranking.metrics.values()} == {2}


@pytest.mark.parametrize("task", ["multiclass", "text", "regression"])
def test_the_verdict_comes_first_then_the_headline_numbers(task):
    truth, said, _ = TASKS[task]
    first, second, *_ = hf.evaluate(truth, said, task=task).document().blocks
    assert first.title.endswith(".")
    assert [t.label for t in second.tiles][:1] == [
        "MAE" if task == "regression" else "Expected cost"
    ]
    assert all(" to " in tile.note for tile in second.tiles)


def test_what_was_not_checked_is_not_counted_as_having_found_nothing():
    few = hf.evaluate([1, 0] * 2, [0.9, 0.1] * 2).document()
    silent = {name for block in few.blocks for name in getattr(block, "passed", ())}
    assert not silent & {"requirements", "calibration"}
    many = hf.evaluate(TRUTH, SCORE, requirements=["recall>=0.1"]).document()
    assert "requirements" in {n for b in many.blocks for n in getattr(b, "passed", ())}


def test_a_junit_case_that_could_not_be_told_says_why():
    from holdfast.reports import render

    shown = render(hf.evaluate([1, 0] * 2, [0.9, 0.1] * 2).document(), "junit")
    assert '<skipped message="Cannot be told from one constant decision.' in shown
