"""Several classes: scikit-learn's numbers, intervals that cover, verdicts, refusals, bad input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from holdfast.errors import DataError, HoldfastError, UsageError
from holdfast.evaluation import evaluate_multiclass
from holdfast.reports import render


def _sample(n: int = 900, seed: int = 0):
    rng = np.random.default_rng(seed)
    shares = [0.5, 0.3, 0.15, 0.05]
    truth = rng.choice(4, n, p=shares)
    score = rng.dirichlet(np.ones(4), n) * 0.7
    score[np.arange(n), truth] += 0.3
    return truth, np.round(score / score.sum(axis=1, keepdims=True), 9)


def test_point_metrics_are_scikit_learns():
    truth, score = _sample()
    score[:, 3] = 1 - score[:, :3].sum(axis=1)
    said = score.argmax(axis=1)
    got = evaluate_multiclass(truth, y_score=score, top_k=(2, 3))
    want = {
        "accuracy": reference.accuracy_score(truth, said),
        "balanced_accuracy": reference.balanced_accuracy_score(truth, said),
        "macro_precision": reference.precision_score(truth, said, average="macro"),
        "macro_recall": reference.recall_score(truth, said, average="macro"),
        "macro_f1": reference.f1_score(truth, said, average="macro"),
        "weighted_f1": reference.f1_score(truth, said, average="weighted"),
        "mcc": reference.matthews_corrcoef(truth, said),
        "log_loss": reference.log_loss(truth, score),
        "roc_auc_ovr": reference.roc_auc_score(truth, score, multi_class="ovr"),
        "top_2_accuracy": reference.top_k_accuracy_score(truth, score, k=2),
        "top_3_accuracy": reference.top_k_accuracy_score(truth, score, k=3),
    }
    for name, value in want.items():
        assert got.value(name) == pytest.approx(value, abs=1e-9), name
        e = got.metrics[name]
        assert e.low <= e.value <= e.high
        assert e.n == len(truth)


def test_each_class_has_scikit_learns_precision_recall_and_f1():
    truth, score = _sample(seed=3)
    said = score.argmax(axis=1)
    got = evaluate_multiclass(truth, said)
    table = reference.precision_recall_fscore_support(truth, said)
    for k in range(4):
        part = got.parts[str(k)]
        assert [part[m].value for m in ("precision", "recall", "f1")] == pytest.approx(
            [table[j][k] for j in range(3)], abs=1e-9
        )
        assert part["recall"].n == table[3][k]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40))
def test_any_pair_of_columns_agrees_with_scikit_learn(pairs):
    truth, said = (np.array(column) for column in zip(*pairs, strict=True))
    got = evaluate_multiclass(truth, said)
    for name, average in (("macro_f1", "macro"), ("weighted_f1", "weighted")):
        want = reference.f1_score(truth, said, average=average, zero_division=0)
        assert got.value(name) == pytest.approx(want, abs=1e-9)
    want = reference.precision_score(truth, said, average="macro", zero_division=0)
    assert got.value("macro_precision") == pytest.approx(want, abs=1e-9)
    if len(set(truth.tolist())) > 1:
        assert got.value("mcc") == pytest.approx(reference.matthews_corrcoef(truth, said), abs=1e-9)
    assert got.to_dict()["passed"] in (True, False, None)


def test_intervals_of_macro_scores_and_auc_cover_what_they_say():
    rng = np.random.default_rng(11)
    shares = np.array([0.5, 0.3, 0.2])
    hit = np.array([[0.8, 0.15, 0.05], [0.2, 0.7, 0.1], [0.15, 0.25, 0.6]])
    joint = shares[:, None] * hit
    f1 = 2 * np.diag(joint) / (shares + joint.sum(axis=0))
    runs, inside = 60, 0
    for seed in range(runs):
        truth = rng.choice(3, 300, p=shares)
        said = (rng.random(300)[:, None] > np.cumsum(hit[truth], axis=1)).sum(axis=1)
        e = evaluate_multiclass(truth, said, seed=seed).metrics["macro_f1"]
        inside += e.low <= f1.mean() <= e.high
    assert inside >= 0.95 * runs - 3 * np.sqrt(runs * 0.95 * 0.05)


def test_rows_of_one_entity_count_once():
    truth, score = _sample(200, seed=5)
    said = score.argmax(axis=1)
    alone = evaluate_multiclass(truth, said).metrics["macro_f1"]
    again = np.tile(np.arange(200), 20)
    many = evaluate_multiclass(np.tile(truth, 20), np.tile(said, 20), entity=again)
    both = many.metrics["macro_f1"]
    assert many.units == 200
    assert many.unit == "entities"
    assert both.value == pytest.approx(alone.value)
    assert both.high - both.low == pytest.approx(alone.high - alone.low, rel=0.15)


def test_a_constant_model_is_not_better_than_the_majority():
    truth = np.r_[np.zeros(9_988, int), np.ones(6, int), np.full(6, 2)]
    got = evaluate_multiclass(truth, np.zeros(10_000, int))
    assert got.passed is False
    assert got.baselines["majority"].verdict == "no evidence of gain"
    assert "HF-E001" in {f.code for f in got.findings}


def test_accuracy_below_the_majority_is_no_vanity_where_it_saves_money():
    truth = np.r_[np.zeros(900, int), np.ones(100, int)]
    said = np.r_[np.ones(120, int), np.zeros(780, int), np.ones(100, int)]
    got = evaluate_multiclass(truth, said, costs=[[0, 1], [50, 0]])
    assert got.passed is True
    assert next(f for f in got.findings if f.code == "HF-E001").severity == "warning"


def test_a_model_worse_than_the_majority_fails_and_a_good_one_passes():
    truth = np.array([0] * 80 + [1] * 10 + [2] * 10)
    assert evaluate_multiclass(truth, np.roll(truth, 50)).passed is False
    assert evaluate_multiclass(truth, truth).passed is True


def test_costs_price_each_kind_of_error_by_hand():
    truth, said = list("aabbcc") * 4, list("abbccc") * 4
    costs = {("a", "b"): 10.0, ("b", "c"): 1.0}
    got = evaluate_multiclass(truth, said, costs=costs)
    assert got.value("expected_cost") == pytest.approx((10 + 1) / 6)
    matrix = [[0, 10, 1], [1, 0, 1], [1, 1, 0]]
    assert evaluate_multiclass(truth, said, costs=matrix).value("expected_cost") == got.value(
        "expected_cost"
    )
    # always "a" is right in a third, and wrong at 1 in the rest: the cheapest constant
    assert got.baselines["majority"].metrics["expected_cost"] == pytest.approx(2 / 3)


@pytest.mark.parametrize("names", [["a", "b", "c"], [3, 1, 2], [True, False], [0.5, 1.5]])
def test_classes_come_as_a_model_lists_them(names):
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    truth = np.array(names * 10)
    known = np.unique(truth)
    score = np.eye(len(known))[np.searchsorted(known, truth)]
    for column in (truth, truth.tolist(), list(truth), pd.Series(truth), pl.Series(truth)):
        got = evaluate_multiclass(column, y_score=score, classes=list(known), trained_on=truth)
        assert got.value("accuracy") == 1.0
        assert not got.findings


def test_the_champion_is_a_paired_rival():
    truth, score = _sample(2_000, seed=2)
    said = score.argmax(axis=1)
    worse = said.copy()
    worse[:200] = (worse[:200] + 1) % 4
    got = evaluate_multiclass(truth, said, champion=worse)
    gain = got.baselines["champion"].gain
    assert got.baselines["champion"].verdict == "better"
    assert gain.value == pytest.approx((worse != truth).mean() - (said != truth).mean())
    assert evaluate_multiclass(truth, worse, champion=said).passed is False


def test_labels_the_model_never_saw_are_errors_and_a_finding():
    got = evaluate_multiclass(list("aabbz") * 6, list("aabba") * 6, trained_on=list("ab") * 10)
    finding = next(f for f in got.findings if f.code == "HF-E201")
    assert finding.evidence == {"labels": 1, "rows": 6, "of": 30}
    assert got.value("accuracy") == pytest.approx(0.8)


def test_scores_that_are_no_probabilities_give_no_log_loss():
    truth, score = _sample()
    got = evaluate_multiclass(truth, y_score=score * 3)
    assert got.metrics["log_loss"].value is None
    assert got.metrics["log_loss"].why_not
    assert got.metrics["roc_auc_ovr"].value is not None
    assert "HF-E203" in {f.code for f in got.findings}


def test_one_class_gives_no_auc_and_no_mcc_but_says_why():
    got = evaluate_multiclass([1] * 20, y_score=np.full((20, 2), 0.5), classes=[0, 1])
    for name in ("roc_auc_ovr", "mcc"):
        assert got.metrics[name].value is None
        assert "two" in got.metrics[name].why_not


def test_few_rows_give_a_number_without_an_interval():
    e = evaluate_multiclass([0, 1, 2], [0, 1, 1]).metrics["macro_f1"]
    assert e.value is not None
    assert e.low is None
    assert "at least 10" in e.why_not


def test_a_hundred_thousand_classes_are_no_trouble():
    truth = np.arange(100_000)
    got = evaluate_multiclass(truth, np.where(truth % 2, truth, 0))
    assert got.value("accuracy") == pytest.approx(0.50001)
    assert got.metrics["macro_f1"].low is None
    assert "300,000" in got.metrics["macro_f1"].why_not
    assert len(got.parts) == 100
    assert len(got.to_json()) < 1_000_000
    assert len(render(got.document(), "html")) < 1_000_000


def test_the_same_seed_gives_the_same_bytes():
    truth, score = _sample()
    assert (
        evaluate_multiclass(truth, y_score=score, seed=4).to_json()
        == evaluate_multiclass(truth, y_score=score, seed=4).to_json()
    )


def test_labels_can_be_kept_out_of_the_report():
    got = evaluate_multiclass(["secret", "b"] * 20, ["b", "b"] * 20, show_labels=False)
    assert "secret" not in got.to_json()
    assert "secret" not in render(got.document(), "html")


_BAD = {
    "empty": ([], []),
    "all null": ([None, None], ["a", "b"]),
    "nan": ([1.0, float("nan")], [1.0, 2.0]),
    "lengths": (["a", "b"], ["a"]),
    "mixed": (["a", 1], ["a", "a"]),
    "texts and numbers": (["a", "b"], [0, 1]),
    "table": ([["a"], ["b"]], ["a", "b"]),
}


@pytest.mark.parametrize("case", _BAD)
def test_bad_columns_are_refused_in_words(case):
    with pytest.raises(DataError):
        evaluate_multiclass(*_BAD[case])


def test_bad_scores_classes_and_costs_are_refused_in_words():
    truth = [0, 1, 2, 0]
    score = np.full((4, 3), 1 / 3)
    with pytest.raises(UsageError, match="y_pred or y_score"):
        evaluate_multiclass(truth)
    with pytest.raises(UsageError, match="column"):
        evaluate_multiclass(truth, y_score=score[:, :2])
    with pytest.raises(DataError, match="finite"):
        evaluate_multiclass(truth, y_score=np.where(score > 0, np.nan, 0))
    with pytest.raises(UsageError, match="costs"):
        evaluate_multiclass(truth, truth, costs=[[0, 1], [1, 0]])
    with pytest.raises(UsageError, match="cheaper"):
        evaluate_multiclass(truth, truth, costs=-np.ones((3, 3)) + np.eye(3) * 2)
    with pytest.raises(UsageError, match="level"):
        evaluate_multiclass(truth, truth, level=95)
    with pytest.raises(DataError, match="decisions"):
        evaluate_multiclass(truth, [0, 1, 2, 7], classes=[0, 1, 2])


_labels = st.one_of(st.none(), st.integers(-2, 2), st.text(max_size=2), st.floats(), st.booleans())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(_labels, max_size=14),
    st.lists(_labels, max_size=14),
)  # fmt: skip
def test_whatever_comes_in_an_answer_or_a_clear_error_comes_out(truth, said):
    try:
        got = evaluate_multiclass(truth, said)
    except HoldfastError:
        return
    render(got.document(), "text")
    got.to_json()
