"""What a check says of a batch: passed, not passed, or could not tell."""

from __future__ import annotations

import json

import numpy as np
import pytest

from holdfast.contracts import Contract
from holdfast.contracts.check import check
from holdfast.contracts.model import ContractData, Field, Kind, NullRule, Policy, TypeRule
from holdfast.errors import UsageError
from holdfast.findings import Severity

N = 3000


def rows(n=N, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "age": rng.integers(18, 70, n),
        "income": rng.lognormal(3, 1, n),
        "job": [("fixed", "partime", "others")[k] for k in rng.integers(0, 3, n)],
        "good": rng.integers(0, 2, n),
    }


@pytest.fixture(scope="module")
def contract():
    return Contract.learn(rows(), target="good")


def test_a_fresh_clean_batch_passes(contract):
    report = contract.check(rows(seed=1))
    assert report.passed is True
    assert report.findings == ()
    assert report.rows == N


def test_an_empty_table_cannot_be_told(contract):
    table = {name: values[:0] for name, values in rows().items()}
    assert contract.check(table).passed is None


def test_one_clean_row_cannot_be_told_but_a_hundred_can(contract):
    def first(n):
        return {name: values[:n] for name, values in rows(seed=2).items()}

    assert contract.check(first(1)).passed is None
    assert contract.check(first(100)).passed is True


def test_a_single_stray_value_is_counted_but_does_not_complain(contract):
    table = rows(seed=3)
    table["age"][0] = 300
    report = contract.check(table)
    assert report.passed is True
    (result,) = (r for r in report.columns[0].rules if r.code == "range")
    assert (result.marked, result.rows, result.strict, result.complains) == (1, N, True, False)


def test_a_null_column_is_named_with_its_share_and_a_remedy(contract):
    table = rows(seed=4) | {"job": [None] * N}
    report = contract.check(table)
    (finding,) = report.findings
    assert report.passed is False
    assert (finding.code, finding.severity) == ("HF-C-NULL", Severity.CRITICAL)
    assert finding.sentence.startswith("`job` is null in 100% of 3000 rows")
    assert finding.evidence["marked"] == N
    assert finding.remedy


@pytest.mark.parametrize(
    ("column", "change", "code"),
    [
        ("income", lambda v: np.asarray(v) * 100, "HF-C-RANGE"),
        ("income", lambda v: [str(x) for x in v], "HF-C-TYPE"),
        ("age", lambda v: np.asarray(v) + 0.5, "HF-C-TYPE"),
        ("job", lambda v: [x.upper() for x in v], "HF-C-UNSEEN"),
        ("age", lambda v: np.where(np.arange(N) % 9 == 0, -999, v), "HF-C-RANGE"),
    ],
)
def test_a_fault_is_told_by_its_code(contract, column, change, code):
    table = rows(seed=5)
    report = contract.check(table | {column: change(table[column])})
    assert [(f.code, f.columns) for f in report.findings] == [(code, (column,))]


def test_an_absent_column_is_named(contract):
    table = {name: values for name, values in rows().items() if name != "income"}
    assert [f.code for f in contract.check(table).findings] == ["HF-C-ABSENT"]


def test_the_serving_view_does_not_ask_for_the_outcome(contract):
    table = {name: values for name, values in rows(seed=6).items() if name != "good"}
    assert contract.check(table, view="serving").passed is True
    assert contract.check(table).passed is False
    with pytest.raises(UsageError, match="view"):
        contract.check(table, view="test")


def test_unknown_columns_are_named_only_where_they_are_refused():
    data = ContractData(
        fields=(Field(name="a", kind=Kind.INTEGER, rules=(NullRule(), TypeRule())),)
    )
    table = {"a": [1, 2], "b": [1, 2]}
    assert check(data, table).findings == ()
    strict = ContractData(fields=data.fields, unknown_fields=Policy.REJECT)
    assert [f.code for f in check(strict, table).findings] == ["HF-C-UNKNOWN-FIELD"]


def test_a_hand_written_zero_share_is_taken_at_its_word():
    data = ContractData(fields=(Field(name="a", kind=Kind.INTEGER, rules=(NullRule(),)),))
    assert check(data, {"a": [1] * 9999 + [None]}).passed is False


def test_a_report_is_plain_data(contract):
    report = contract.check(rows(seed=7) | {"job": [None] * N})
    plain = json.loads(report.to_json())
    assert plain["passed"] is False
    assert plain["findings"][0]["url"].endswith("#hf-c-null")
    assert "did not pass" in repr(report)


def test_no_value_of_a_field_appears_in_a_finding(contract):
    table = rows(seed=8) | {"job": ["a very private job"] * N}
    assert "private" not in contract.check(table).to_json()


def test_clean_batches_raise_a_finding_no_more_often_than_promised():
    alarms = 0
    for seed in range(150):
        both = rows(600, seed=seed)
        half = {name: values[:300] for name, values in both.items()}
        rest = {name: values[300:] for name, values in both.items()}
        alarms += bool(Contract.learn(half).check(rest).findings)
    assert alarms <= 6  # 1% of 150 is 1.5; seven or more has probability 0.1%


def test_a_contract_from_one_row_can_tell_nothing():
    contract = Contract.learn({"a": [1]})
    assert contract.check({"a": [1]}).passed is None
