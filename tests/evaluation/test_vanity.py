"""A high accuracy that the majority class reaches as well is said to be vanity, in words."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.evaluation import Costs, evaluate


def frauds(found, alarmed=0):
    """10,000 rows with 12 frauds, of which `found` score high, as `alarmed` honest rows do."""
    truth = np.zeros(10_000, bool)
    truth[:12] = True
    score = np.full(10_000, 0.01)
    score[:found] = 0.9
    score[12 : 12 + alarmed] = 0.9
    return truth, score


def named(e, code):
    return [f for f in e.findings if f.code == code]


def test_ten_thousand_rows_with_twelve_frauds_read_as_they_must():
    e = evaluate(*frauds(0), costs=Costs(5, 495), threshold=0.5)
    (finding,) = named(e, "HF-E001")
    assert finding.sentence == (
        "accuracy 99.88% equals the majority class; recall 0 of 12; cost 0.594 a row, 0.594 for "
        "one constant decision"
    )
    assert e.passed is False
    assert e.to_dict()["findings"][0]["code"] == "HF-E001"
    assert e.metrics["accuracy"].positives == 12
    assert e.metrics["recall"].n == 12


def test_vanity_needs_no_costs():
    e = evaluate(*frauds(0))
    assert named(e, "HF-E001")
    assert e.passed is False


def test_a_few_false_alarms_do_not_hide_it():
    (finding,) = named(evaluate(*frauds(0, alarmed=4), threshold=0.5), "HF-E001")
    assert "is no better than the 99.88% of the majority class" in finding.sentence


def test_one_fraud_found_by_luck_is_a_warning_and_could_not_be_told():
    e = evaluate(*frauds(1), costs=Costs(5, 495), threshold=0.5)
    (finding,) = named(e, "HF-E001")
    assert finding.severity.value == "warning"
    assert "recall 1 of 12" in finding.sentence
    assert e.passed is None


def test_a_model_that_saves_money_is_not_called_vain():
    e = evaluate(*frauds(10, alarmed=30), costs=Costs(5, 495), threshold=0.5)
    assert e.value("accuracy") < 0.9988
    assert not named(e, "HF-E001")
    assert e.passed is True


def test_the_rare_class_may_be_the_negative_one():
    truth, score = frauds(0)
    (finding,) = named(evaluate(~truth, 1 - score, threshold=0.5), "HF-E001")
    assert "of 12 negative rows 0 are found" in finding.sentence


@pytest.mark.parametrize("seed", range(5))
def test_honest_models_on_balanced_rows_are_not_called_vain(seed):
    rng = np.random.default_rng(seed)
    truth = rng.random(200) < 0.5
    assert not named(evaluate(truth, rng.random(200)), "HF-E001")


def test_the_accuracy_that_would_be_quoted_is_looked_at_too():
    truth, _ = frauds(0)
    score = np.random.default_rng(0).random(10_000) * 0.4  # above the costs' threshold of 0.01
    e = evaluate(truth, score, costs=Costs(5, 495))
    (finding,) = named(e, "HF-E001")
    assert "at a threshold of 0.5: accuracy 99.88% equals the majority class" in finding.sentence
    assert e.findings[0] is finding
    assert e.passed is False
