"""Selective labels: marked, and bounded by every outcome the others could have."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from holdfast.errors import DataError
from holdfast.evaluation import Costs, evaluate
from holdfast.evaluation.selective import selective_bounds


def test_the_bounds_are_those_of_trying_every_outcome():
    rng = np.random.default_rng(0)
    truth, decided = rng.random(9) < 0.5, rng.random(9) < 0.5
    unknown = np.array([True, True, False, True, False])
    costs = Costs(2, 5, true_positive=-1)
    got = selective_bounds(truth, decided, unknown, costs).metrics
    tried: dict[str, list[float]] = {name: [] for name in got}
    both = np.r_[decided, unknown]
    for outcome in itertools.product([False, True], repeat=5):
        y = np.r_[truth, np.array(outcome)]
        tp, fp = (y & both).sum(), (~y & both).sum()
        fn, tn = (y & ~both).sum(), (~y & ~both).sum()
        tried["accuracy"].append((tp + tn) / 14)
        tried["recall"].append(tp / (tp + fn))
        tried["precision"].append(tp / (tp + fp))
        tried["expected_cost"].append((2 * fp + 5 * fn - tp) / 14)
    for name, values in tried.items():
        worst, best = min(values), max(values)
        if name == "expected_cost":
            worst, best = best, worst
        assert got[name].worst == pytest.approx(worst), name
        assert got[name].best == pytest.approx(best), name


def test_only_accepted_rows_are_counted_and_the_report_says_so():
    rng = np.random.default_rng(1)
    score = rng.random(500)
    truth = np.array([float(rng.random() < s) for s in score])
    accepted = score < 0.7
    hidden = np.where(accepted, truth, np.nan)
    e = evaluate(hidden, score, accepted=accepted, champion=score / 2)
    plain = evaluate(truth[accepted], score[accepted])
    assert e.rows == accepted.sum()
    assert e.metrics == plain.metrics
    assert e.bounds.unknown == (~accepted).sum()
    (finding,) = [f for f in e.findings if f.code == "HF-E008"]
    assert finding.sentence.startswith("accepted only")
    assert "accepted rows" in e.document("x").summary
    assert evaluate(truth, score, accepted=np.ones(500, bool)).bounds is None


def test_a_mark_that_is_not_yes_or_no_is_refused():
    with pytest.raises(DataError, match="accepted"):
        evaluate([0, 1], [0.1, 0.9], accepted=[0.5, 1.0])
    with pytest.raises(DataError, match="no row is accepted"):
        evaluate([0, 1], [0.1, 0.9], accepted=[False, False])
