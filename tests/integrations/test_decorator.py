"""The decorator: no refused row reaches the function, every other one does as repaired."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.contracts import model as m
from holdfast.contracts.canonical import canonical_json
from holdfast.errors import ContractError, UsageError
from holdfast.integrations import RowRefusedError, guarded


def contract(policy, **more):
    rules = (m.NullRule(), m.TypeRule(), m.RangeRule(low=0, high=9))
    return m.ContractData(
        fields=(m.Field(name="x", kind=m.Kind.INTEGER, rules=rules, policy=policy, **more),)
    )


def echo(row):
    return dict(row)


def test_a_good_row_reaches_the_function_with_other_arguments():
    @guarded(contract(m.Policy.REJECT))
    def predict(row, factor, *, offset=0):
        """Doubles."""
        return row["x"] * factor + offset

    assert predict({"x": 3}, 2, offset=1) == 7
    assert (predict.__name__, predict.__doc__) == ("predict", "Doubles.")
    assert predict.guard.fields == ("x",)


@pytest.mark.parametrize("policy", [m.Policy.REJECT, m.Policy.ABSTAIN])
def test_a_refused_row_raises_with_its_verdict(policy):
    predict = guarded(contract(policy))(echo)
    with pytest.raises(RowRefusedError, match="x: range") as caught:
        predict({"x": 99})
    assert [v.code for v in caught.value.verdict.violations] == ["range"]


def test_on_reject_answers_instead():
    predict = guarded(contract(m.Policy.ABSTAIN), on_reject=lambda verdict: verdict.outcome)(echo)
    assert predict({}) is m.Outcome.ABSTAINED


def test_the_function_sees_the_repaired_row():
    assert guarded(contract(m.Policy.IMPUTE, impute=4))(echo)({}) == {"x": 4}
    assert guarded(contract(m.Policy.CLIP))(echo)({"x": 99}) == {"x": 9}


def test_a_row_for_a_fallback_is_answered_by_it_or_refused():
    def fallback(row, without):
        return row, without

    with_one = guarded(contract(m.Policy.FALLBACK), on_fallback=fallback)(echo)
    assert with_one({"x": "?"}) == ({"x": None}, ("x",))
    with pytest.raises(RowRefusedError):
        guarded(contract(m.Policy.FALLBACK))(echo)({"x": "?"})


def test_shadow_mode_tells_and_lets_pass():
    told = []
    row = {"x": "?"}
    predict = guarded(contract(m.Policy.REJECT), mode="shadow", on_verdict=told.append)(lambda r: r)
    assert predict(row) is row
    assert [v.code for v in told[0].violations] == ["type"]


def test_an_async_function_is_guarded_too():
    @guarded(contract(m.Policy.REJECT), on_reject=lambda verdict: "no")
    async def predict(row):
        return row["x"]

    assert asyncio.run(predict({"x": 1})) == 1
    assert asyncio.run(predict({})) == "no"


def test_a_contract_comes_as_data_file_or_bytes_and_nothing_else(tmp_path):
    data = contract(m.Policy.REJECT)
    path = tmp_path / "contract.json"
    path.write_bytes(canonical_json(data))
    for source in (data, path, str(path), canonical_json(data)):
        assert guarded(source)(echo)({"x": 1}) == {"x": 1}
    with pytest.raises(ContractError):
        guarded(tmp_path / "none.json")
    with pytest.raises(UsageError):
        guarded(5)
