"""The run: verdicts, answers, what was not tested, and the JSON answer."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest
from tests.audit.planted import honest, side

import holdfast as hf
from holdfast.audit import Answer, AuditReport, LeakFinding, NotTested, Verdict, Worth, audit
from holdfast.audit.run import make_case, settle
from holdfast.findings import Severity

CODE = "HF-L-POST-OUTCOME"


@pytest.fixture(scope="module")
def leaky() -> dict[str, np.ndarray]:
    table = honest()
    return {**table, "late": 1.5 * side(table) + np.random.default_rng(5).normal(size=1500)}


@pytest.fixture(scope="module")
def report(leaky) -> AuditReport:
    return audit(leaky, target="y")


def finding(verdict: Verdict, *columns: str, code: str = "HF-L-X") -> LeakFinding:
    return LeakFinding(
        code=code, severity=Severity.ERROR, verdict=verdict, columns=columns, sentence="s"
    )


def test_the_json_answer_has_the_promised_shape(report):
    told = json.loads(report.to_json())
    assert list(told)[:3] == ["passed", "findings", "not_tested"]
    assert told["passed"] is None
    first = told["findings"][0]
    assert list(first) == [
        "code", "severity", "verdict", "columns", "sentence", "evidence", "worth", "remedy", "url",
    ]  # fmt: skip
    assert list(first["worth"]) == ["metric", "with", "without", "low", "high"]
    assert first["verdict"] == "SUSPECT"
    assert first["url"] == "docs/findings.md#hf-l-post-outcome"
    assert all(set(item) == {"type", "needs"} for item in told["not_tested"])


def test_an_answer_to_exactly_this_suspect_lets_it_pass(leaky, report):
    answered = audit(leaky, target="y", answers={(CODE, ("late",)): "known at application"})
    assert answered.passed is True
    assert answered.findings[0].answer == "known at application"
    assert answered.findings[0].severity is Severity.NOTE
    assert answered.findings[0].worth == report.findings[0].worth


@pytest.mark.parametrize(
    "answer",
    [
        Answer(code=CODE, columns=("x0",), explanation="another column"),
        Answer(code="HF-L-ID", columns=("late",), explanation="another code"),
        Answer(code=CODE, columns=("late",), explanation="  "),
    ],
)
def test_an_answer_to_something_else_changes_nothing(leaky, answer):
    assert audit(leaky, target="y", answers=[answer], checks=[CODE]).passed is None


def test_a_proven_leak_cannot_be_answered():
    case = make_case(honest(200), target="y")
    found, _ = settle(case, [finding(Verdict.PROVEN, "x0")])
    from holdfast.audit.run import _answered, _passed

    told = _answered(found, [Answer(code="HF-L-X", columns=("x0",), explanation="no")])
    assert told[0].answer == ""
    assert _passed(told, []) is False


def test_a_suspect_that_is_proven_otherwise_is_not_repeated():
    case = make_case(honest(200), target="y")
    found, score = settle(
        case,
        [
            finding(Verdict.SUSPECT, "x1", code="HF-L-Y"),
            finding(Verdict.SUSPECT, "x0", code="HF-L-Y"),
            finding(Verdict.PROVEN, "x0"),
        ],
    )
    assert [(f.verdict.value, f.columns) for f in found] == [
        ("PROVEN", ("x0",)),
        ("SUSPECT", ("x1",)),
    ]
    assert found[0].evidence["also"] == ["HF-L-Y"]
    assert score.without == pytest.approx(
        case.quality(case.score([n for n in case.features if n not in {"x0", "x1"}]))
    )


def test_without_a_target_the_checks_of_columns_are_listed_as_not_tested():
    report = audit({"a": [1, 2, 3], "b": [1, 2, 2]})
    assert report.passed is True
    assert "columns known only after the outcome" in {n.type for n in report.not_tested}


def test_a_check_that_was_asked_for_and_is_impossible_leaves_the_verdict_open():
    report = audit({"a": [1, 2, 3]}, checks=[CODE])
    assert report.passed is None
    assert "asked for but could not be tested" in report.verdict.lower()


def test_the_same_table_and_seed_give_the_same_report(leaky, report):
    assert audit(leaky, target="y").to_dict() == report.to_dict()


def test_columns_with_a_role_are_no_features():
    table = {**honest(100), "when": np.arange(100), "who": np.arange(100) % 9}
    case = make_case(table, target="y", event_time="when", entity="who", ids=["few"])
    assert not {"y", "when", "who", "few"} & set(case.features)


def test_roles_are_taken_from_the_contract():
    table = {**honest(300), "late": np.arange(300.0), "row": np.arange(300)}
    contract = hf.Contract.learn(table, target="y", ids=["row"], post_outcome=["late"])
    case = make_case(table, contract=contract)
    assert case.target.name == "y"
    assert not {"late", "row", "y"} & set(case.features)


def test_rows_without_a_target_are_left_out():
    table = honest(300)
    table["y"] = np.where(np.arange(300) < 40, np.nan, table["y"])
    assert make_case(table, target="y").n == 260


def test_a_positive_label_stands_against_the_rest():
    case = make_case(honest(300, task="multiclass"), target="y", positive="high")
    assert case.task == "binary"
    assert case.y.sum() == (honest(300, task="multiclass")["y"] == "high").sum()


def test_prose_is_given_to_the_model_by_its_words():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 400)
    words = [
        f"please {('call', 'win')[label]} us about number {rng.integers(9999)} today" for label in y
    ]
    case = make_case({"message": words, "y": y}, target="y")
    assert case.texts == ("message",)
    assert case.quality(case.score(["message"])) > 0.95


def test_lists_are_given_to_the_model_by_their_parts():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 400)
    vectors = [[float(v), float(rng.normal())] for v in y + rng.normal(size=400)]
    case = make_case({"vector": vectors, "y": y}, target="y")
    assert case.quality(case.score(["vector"])) > 0.65


def test_ratings_of_users_and_items_are_audited_as_interactions():
    rng = np.random.default_rng(0)
    user, item = rng.integers(0, 100, 3000), rng.integers(0, 60, 3000)
    rating = 3 + rng.normal(size=100)[user] / 2 + rng.normal(size=60)[item] / 2
    rating = rating + rng.normal(size=3000)
    later = 0.8 * rating + 0.3 * rng.normal(size=3000)
    table = {"user": user, "item": item, "at": np.arange(3000), "later_mean": later, "y": rating}
    report = audit(table, target="y", event_time="at", entity="user", checks=[CODE])
    assert [f.columns for f in report.findings] == [("later_mean",)]


def test_values_of_columns_stay_out_of_the_report():
    table = honest()
    late = np.where(table["y"] == 1, "secret-yes", "secret-no")
    report = audit({**table, "late": late}, target="y")
    assert report.findings
    assert "secret" not in report.to_json()
    assert "secret" not in str(msgspec.to_builtins(report.document()))


def test_the_verdict_counts_what_was_not_tested():
    report = AuditReport(passed=True, not_tested=(NotTested(type="t", needs="n"),))
    assert report.verdict == "Clear as far as tested; 1 type of leak was not tested."


def test_the_worth_says_what_to_expect():
    from holdfast.audit.words import expect

    worth = Worth(metric="AUC", with_=0.92, without=0.76, low=0.15, high=0.17)
    assert expect(worth) == "expect AUC 0.76, not 0.92"


def test_the_report_is_a_table_too(report):
    assert report.to_frame().num_rows == len(report.findings)


def test_parts_that_add_up_to_the_target_are_named_and_written_as_json():
    rng = np.random.default_rng(4)
    parts = rng.poisson(20, (600, 2)).astype(float)
    rows = {"a": parts[:, 0], "b": parts[:, 1], "c": rng.normal(size=600), "y": parts.sum(axis=1)}

    report = audit(rows, target="y")

    assert {"a", "b"} <= {c for f in report.findings for c in f.columns}
    [finding] = [f for f in report.findings if "weights" in f.evidence]
    assert finding.evidence["weights"] == {"a": 1.0, "b": 1.0}
    assert json.loads(report.to_json())["findings"]
