"""Text: the abstain curve by hand, its promise by simulation, unseen labels, dispatch."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from holdfast.errors import DataError, UsageError
from holdfast.evaluation import evaluate_task, evaluate_text
from holdfast.evaluation.tasks import evaluate_table
from holdfast.stats.abstain import area, risk_coverage, safe_coverage


def _sample(n: int = 2_000, seed: int = 0):
    rng = np.random.default_rng(seed)
    sure = rng.uniform(0.5, 1.0, n)
    truth = rng.choice(["spam", "ham"], n)
    other = np.where(truth == "spam", "ham", "spam")
    return truth, np.where(rng.random(n) < sure, truth, other), sure


def test_the_curve_by_hand():
    wrong = np.array([0.0, 1.0, 0.0, 0.0])
    sure = np.array([0.9, 0.6, 0.6, 0.2])
    coverage, risk, cut = risk_coverage(wrong, sure)
    assert coverage.tolist() == [0.25, 0.75, 1.0]
    assert risk.tolist() == pytest.approx([0, 1 / 3, 1 / 4])
    assert cut.tolist() == [0.9, 0.6, 0.2]
    assert area(coverage, risk) == pytest.approx(0.5 / 3 + 0.25 / 4)
    truth, said = np.array(list("aaba")), np.array(list("abba"))
    got = evaluate_text(truth, said, confidence=sure)
    assert got.value("aurc") == pytest.approx(0.5 / 3 + 0.25 / 4)


def test_the_area_of_calibrated_confidence_is_its_closed_form():
    # error among the surest c is 0.25 c, so the area is 1/8
    truth, said, sure = _sample(20_000)
    e = evaluate_text(truth, said, confidence=sure).metrics["aurc"]
    assert e.low <= 0.125 <= e.high
    assert e.high - e.low < 0.03


def test_the_cutoff_keeps_its_promise():
    # answering from confidence s on has error (1 - s) / 2
    broken, runs, found = 0, 120, 0
    for seed in range(runs):
        truth, said, sure = _sample(800, seed)
        cut = safe_coverage((truth != said).astype(float), sure, risk=0.15, level=0.9)
        found += cut is not None
        broken += cut is not None and (1 - cut[0]) / 2 > 0.15
    assert found > runs / 2
    assert broken <= 0.1 * runs


def test_too_few_rows_promise_nothing_and_say_how_many_would():
    got = evaluate_text(list("ab") * 20, list("ab") * 20, confidence=np.ones(40))
    assert "cutoff" not in got.threshold
    assert got.threshold["n_needed"] == 117  # smallest n with 0.95**n <= 0.05 / 20
    assert "HF-E231" in {f.code for f in got.findings}


def test_confidence_that_tells_nothing_is_a_finding():
    truth, said, sure = _sample()
    shuffled = np.random.default_rng(1).permutation(sure)
    told = evaluate_text(truth, said, confidence=sure)
    blind = evaluate_text(truth, said, confidence=shuffled)
    assert "HF-E232" not in {f.code for f in told.findings}
    assert "HF-E232" in {f.code for f in blind.findings}


def test_labels_unseen_in_training_are_a_finding():
    truth, said, sure = _sample()
    truth = truth.astype(object)
    truth[:5] = "new"
    got = evaluate_text(truth, said, confidence=sure, trained_on=["spam", "ham"] * 50)
    assert next(f for f in got.findings if f.code == "HF-E201").evidence["rows"] == 5


def test_without_confidence_there_is_no_curve_but_everything_else():
    truth, said, _ = _sample()
    got = evaluate_text(truth, said)
    assert "aurc" not in got.metrics
    assert "confidence" in got.threshold["why_not"]
    assert got.value("macro_f1") > 0.6


def test_the_door_finds_the_task_and_refuses_what_it_has_not():
    truth, said, sure = _sample(200)
    assert evaluate_task("text", truth, said, confidence=sure, costs=None).task == "text"
    score = np.stack([np.where(said == "ham", sure, 1 - sure)], axis=1)
    both = np.hstack([score, 1 - score])
    got = evaluate_task("multiclass", truth, both, classes=["ham", "spam"])
    assert got.value("accuracy") == pytest.approx((truth == said).mean())
    assert evaluate_task("regression", [1.0, 2.0], [1.0, 2.0]).task == "regression"
    with pytest.raises(UsageError, match="task"):
        evaluate_task("clustering", truth, said)
    with pytest.raises(UsageError, match="capacity"):
        evaluate_task("regression", [1.0], [1.0], capacity=3)


def test_a_table_is_evaluated_by_its_columns():
    truth, said, sure = _sample(300)
    ham = np.where(said == "ham", sure, 1 - sure)
    table = pa.table({"y": truth, "score_ham": ham, "score_spam": 1 - ham, "said": said,
                      "who": np.arange(300) // 3})  # fmt: skip
    got = evaluate_table("text", table, target="y", score_prefix="score_", entity="who")
    assert got.units == 100
    assert got.value("roc_auc_ovr") > 0.5
    flat = evaluate_table("multiclass", table, target="y", score="said")
    assert flat.value("accuracy") == got.value("accuracy")
    numbers = pa.table({"y": [1.0, 2.0, 3.0] * 9, "p": [1.0, 2.0, 2.0] * 9, "t": range(27)})
    assert evaluate_table(
        "regression", numbers, target="y", score="p", event_time="t", quantiles={0.5: "p"}
    ).value("pinball_0.5") == pytest.approx(1 / 6)
    with pytest.raises(DataError, match="column"):
        evaluate_table("multiclass", table, target="absent")
    with pytest.raises(UsageError, match="classes"):
        evaluate_table("multiclass", table, target="y", score_prefix="p_")
