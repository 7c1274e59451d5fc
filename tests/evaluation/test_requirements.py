"""Requirements: what a gate may ask, and that what cannot be told is not folded into passed."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.errors import UsageError
from holdfast.evaluation import evaluate
from holdfast.evaluation.requirements import Requirement, as_requirements
from holdfast.stats.logistic import expit


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    odds = rng.normal(0, 2, 1_500)
    return rng.random(1_500) < expit(odds), expit(odds)


def test_a_failed_requirement_fails_the_evaluation(rows):
    e = evaluate(*rows, requirements=["recall>=0.999"])
    assert e.passed is False
    assert e.requirements[0].passed is False
    (finding,) = [f for f in e.findings if f.code == "HF-E004"]
    assert finding.evidence["required"] == 0.999
    assert evaluate(*rows, requirements=["recall>=0.1"]).passed is True


def test_bounds_and_gains_can_be_required(rows):
    truth, score = rows
    asked = ["roc_auc.low>0.7", "gain.prior.low>0", "brier.high<0.25", "gain.champion>=0"]
    e = evaluate(truth, score, champion=1 - score, requirements=asked)
    assert [c.passed for c in e.requirements] == [True] * 4
    assert e.requirements[0].value == e.metrics["roc_auc"].low


def test_a_number_that_is_refused_leaves_the_evaluation_open(rows):
    truth, score = rows
    e = evaluate(truth, 3 * score, threshold=1.5, requirements=["brier<=0.2"])
    assert e.requirements[0].passed is None
    assert e.passed is None
    assert "HF-E005" in {f.code for f in e.findings}


@pytest.mark.parametrize("text", ["recall", "recall=0.5", "recall>=x", ">=0.5", "recall>=0.5 0.6"])
def test_what_is_no_requirement_is_refused(text):
    with pytest.raises(UsageError, match="cannot read the requirement"):
        Requirement.parse(text)


def test_requirements_come_as_texts_records_and_mappings(rows):
    same = Requirement(metric="recall", op=">=", value=0.5)
    mapping = {"metric": "recall", "op": ">=", "value": 0.5}
    assert as_requirements("recall >= 0.5") == (same,)
    assert as_requirements([same, mapping, "recall>=.5"]) == (same,) * 3
    assert as_requirements(None) == ()
    for bad in ([3], [{"metric": "recall"}], [{"metric": "recall", "op": "!", "value": 1.0}]):
        with pytest.raises(UsageError):
            as_requirements(bad)
    with pytest.raises(UsageError, match="unknown metric"):
        evaluate(*rows, requirements=["auc>0.5"])
