"""What a contract learns from clean rows."""

from __future__ import annotations

from holdfast.contracts import Contract, Kind


def _rows(n=400):
    return [
        {"id": f"A-{i:05d}", "age": 20 + (i * 7) % 40, "job": "abc"[i % 3], "ok": i % 2 == 0}
        for i in range(n)
    ]


def test_kinds_are_told_from_the_values():
    contract = Contract.learn(_rows())
    kinds = {field.name: field.kind for field in contract.fields}
    assert kinds == {
        "id": Kind.ID,
        "age": Kind.INTEGER,
        "job": Kind.CATEGORICAL,
        "ok": Kind.BOOLEAN,
    }


def test_the_json_form_round_trips():
    contract = Contract.learn(_rows(), name="loans")
    assert Contract.from_json(contract.to_json()) == contract


def test_a_column_that_turns_null_is_named():
    contract = Contract.learn(_rows())
    report = contract.check([{**row, "job": None} for row in _rows()])
    assert report.passed is False
    assert [finding.code for finding in report.findings] == ["HF-C-NULL"]
    assert report.findings[0].columns == ("job",)
