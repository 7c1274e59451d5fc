"""Guard, check_one and check agree on every row; and the suite would notice if they did not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.contracts import model as m
from holdfast.contracts.guard import compile_guard
from holdfast.testing import (
    disagreements,
    random_contract,
    random_rows,
    random_table,
    row_disagreements,
)

seeds = st.integers(0, 10**9)


@given(seeds, seeds)
@settings(max_examples=60, deadline=None)
def test_guard_check_one_and_check_agree_on_generated_contracts(contract_seed, table_seed):
    data = random_contract(contract_seed)
    assert disagreements(data, random_table(data, rows=40, seed=table_seed)) == []


@given(seeds, seeds)
@settings(max_examples=60, deadline=None)
def test_guard_and_check_one_agree_on_rows_of_any_values(contract_seed, row_seed):
    data = random_contract(contract_seed)
    assert row_disagreements(data, random_rows(data, rows=40, seed=row_seed)) == []


@pytest.mark.parametrize("seed", range(10))
def test_fifty_thousand_random_rows_agree_on_all_three_roads(seed):
    data = random_contract(seed, fields=8)
    assert disagreements(data, random_table(data, rows=5_000, seed=seed)) == []


def test_the_generator_reaches_every_code_and_outcome():
    codes, outcomes = set(), set()
    for seed in range(60):
        data = random_contract(seed)
        for verdict in compile_guard(data).batch(random_rows(data, rows=30, seed=seed)):
            codes |= {violation.code for violation in verdict.violations}
            outcomes.add(verdict.outcome)
    assert codes == {
        "null", "type", "range", "unseen", "sentinel", "format", "length", "order",
        "null_together", "sum", "dependency", "unknown_field",
    }  # fmt: skip
    assert outcomes == set(m.Outcome)


def test_a_guard_that_misses_a_mark_is_found_out():
    data = random_contract(3)
    honest = compile_guard(data)

    def blind(row):
        verdict = honest(row)
        return m.Verdict(verdict.outcome, verdict.values, verdict.violations[1:], verdict.missing)

    found = disagreements(data, random_table(data, rows=50, seed=3), guard=blind)
    assert found
    assert found[0].between == "guard / check_one"


def test_a_guard_that_excuses_a_row_is_found_out():
    data = random_contract(3)
    honest = compile_guard(data, mode="shadow")
    assert row_disagreements(data, random_rows(data, rows=50, seed=3), guard=honest)


def test_a_guard_that_repairs_the_callers_row_is_found_out():
    data = m.ContractData(fields=(m.Field(name="x", kind=m.Kind.NUMERIC),))

    def meddling(row):
        verdict = compile_guard(data)(row)
        row["x"] = 5
        return verdict

    assert row_disagreements(data, [{"x": 1}], guard=meddling)


def test_the_same_seed_gives_the_same_contract_and_rows():
    data = random_contract(7)
    assert data == random_contract(7)
    assert repr(random_rows(data, 20, seed=1)) == repr(random_rows(data, 20, seed=1))
