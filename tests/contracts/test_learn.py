"""What a contract learns from clean rows."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.contracts import Contract, Kind, Policy, Role
from holdfast.contracts.model import (
    CategoriesRule,
    ConstantSumRule,
    DependencyRule,
    FormatRule,
    LengthRule,
    NullRule,
    NullTogetherRule,
    OrderRule,
    RangeRule,
    SentinelRule,
    TypeRule,
)
from holdfast.errors import ContractError, DataError, UsageError

N = 2000
RNG = np.random.default_rng(7)


def learned(column, name="x", **options):
    return Contract.learn({name: column}, **options).field(name)


def rule_of(field, kind):
    return next((rule for rule in field.rules if isinstance(rule, kind)), None)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (RNG.normal(size=N), Kind.NUMERIC),
        (RNG.integers(0, 50, N), Kind.INTEGER),
        (RNG.random(N) < 0.5, Kind.BOOLEAN),
        ([("fixed", "partime", "freelance")[i % 3] for i in range(N)], Kind.CATEGORICAL),
        ([f"note number {i} on this case" for i in range(N)], Kind.TEXT),
        ([f"C-{i:06d}" for i in range(N)], Kind.ID),
        (np.arange(N) + 5000, Kind.ID),
        ([dt.date(2026, 1, 1) + dt.timedelta(days=i % 90) for i in range(N)], Kind.TIME),
        ([f"2026-01-{1 + i % 28:02d}T10:00:00Z" for i in range(N)], Kind.TIME),
        ([[float(i), 1.0, 2.0] for i in range(N)], Kind.LIST),
    ],
)
def test_the_kind_is_told_from_the_values(values, kind):
    assert learned(values).kind is kind


def test_an_id_is_no_feature():
    contract = Contract.learn({"row": np.arange(N), "x": RNG.normal(size=N)})
    assert contract.features == ("x",)
    assert contract.field("row").role is Role.ID


def test_declared_roles_are_kept_and_the_serving_view_leaves_the_outcome_out():
    table = {
        "t": [dt.date(2026, 1, 1)] * N,
        "x": RNG.normal(size=N),
        "y": RNG.integers(0, 2, N),
        "paid": RNG.normal(size=N),
    }
    contract = Contract.learn(table, target="y", event_time="t", post_outcome=["paid"])
    assert contract.target == "y"
    assert [f.name for f in contract.serving().fields] == ["t", "x"]
    assert contract.features == ("x",)


@pytest.mark.parametrize(("nulls", "strict"), [(0, True), (2, True), (20, False), (356, False)])
def test_a_field_that_was_hardly_ever_null_is_strict_about_nulls(nulls, strict):
    values = [None if i < nulls else 1.5 + i for i in range(4454 if nulls != 20 else 1000)]
    rule = rule_of(learned(values), NullRule)
    assert rule.rows is strict
    assert rule.evidence.marked == nulls
    assert rule.max_share > nulls / len(values)


def test_nulls_and_nans_count_alike_as_missing():
    values = pa.array([math.nan, None] * 100 + [1.0] * 800)
    assert rule_of(learned(values), NullRule).evidence.marked == 200


def test_integers_above_2_to_53_give_exact_bounds():
    values = [2**60 + 1] * 500 + [2**60 + 3] * 500
    rule = rule_of(learned(values), RangeRule)
    assert (rule.low, rule.high) == (2**60 + 1, 2**60 + 3)


def test_a_value_never_negative_gets_no_negative_bound():
    assert rule_of(learned(RNG.lognormal(size=N)), RangeRule).low == 0.0


@pytest.mark.parametrize("draw", ["normal", "lognormal", "exponential", "pareto", "uniform"])
def test_fresh_values_stay_inside_the_range_about_as_often_as_promised(draw):
    rng = np.random.default_rng(3)
    outside = rows = 0
    for _ in range(60):
        sample = rng.pareto(2.5, 2000) if draw == "pareto" else getattr(rng, draw)(size=2000)
        rule = rule_of(learned(sample[:1000]), RangeRule)
        fresh = sample[1000:]
        outside += int(((fresh < rule.low) | (fresh > rule.high)).sum())
        rows += len(fresh)
    assert outside / rows <= 1 / 1000  # the observed minimum and maximum would give two


@pytest.mark.parametrize("value", [-999, 999999, -1])
def test_an_isolated_repeated_sentinel_is_named_and_kept_out_of_the_range(value):
    values = RNG.integers(18, 70, N)
    values[:40] = value
    field = learned(values)
    rule = rule_of(field, SentinelRule)
    assert (rule.values, rule.rows, rule.evidence.marked) == ((value,), False, 40)
    assert 0 <= rule_of(field, RangeRule).low <= 18
    assert rule_of(field, RangeRule).high < 150


def test_a_value_within_the_bulk_is_no_sentinel():
    assert rule_of(learned(RNG.integers(-5, 1200, N)), SentinelRule) is None
    assert rule_of(learned(RNG.integers(0, 7, N)), SentinelRule) is None


def test_words_for_nothing_are_named():
    words = ["fixed", "partime", "Unknown", "N/A", "?"]
    rule = rule_of(learned([words[i % 5] for i in range(N)]), SentinelRule)
    assert rule.values == ("?", "N/A", "Unknown")


def test_a_date_for_nothing_is_named():
    days = [dt.date(2020, 1, 1) + dt.timedelta(days=i % 300) for i in range(N)]
    days[:10] = [dt.date(1900, 1, 1)] * 10
    field = learned(days)
    assert rule_of(field, SentinelRule).values == ("1900-01-01",)
    assert rule_of(field, RangeRule).low > "2019"


def test_rare_categories_leave_room_for_unseen_ones():
    common = ["a", "b", "c"] * 600
    sure = rule_of(learned(common), CategoriesRule)
    tail = rule_of(learned(common + [f"rare{i}" for i in range(40)]), CategoriesRule)
    assert sure.rows is True
    assert tail.rows is False
    assert tail.max_share > 40 / 1840 > sure.max_share


def test_many_different_texts_are_text_not_categories():
    words = [f"word{RNG.integers(0, 5000)} here" for _ in range(N)]
    field = learned(words)
    assert field.kind is Kind.TEXT
    assert rule_of(field, CategoriesRule) is None
    assert rule_of(field, LengthRule).low <= min(map(len, words))


def test_a_code_gets_its_format():
    field = learned([f"{i:04d}-ABC" for i in range(N)])
    assert rule_of(field, FormatRule).pattern == r"[0-9]{4}\-[A-Z]{3}"


def test_dates_written_as_text_get_their_time_format():
    field = learned([f"{1 + i % 28:02d}/12/2026" for i in range(N)])
    assert (field.kind, rule_of(field, FormatRule).time_format) == (Kind.TEXT, "%d/%m/%Y")


def test_a_running_number_may_run_on():
    days = np.repeat(np.arange(100), 20)
    rule = rule_of(learned(days, name="day"), RangeRule)
    assert rule.high >= 1000


def test_every_field_has_null_and_type_first():
    contract = Contract.learn({"a": [1, 2], "b": ["x", "y"], "c": [None, None]})
    assert [tuple(map(type, f.rules[:2])) for f in contract.fields] == [(NullRule, TypeRule)] * 3
    assert contract.field("c").role is Role.IGNORED


def cross(table):
    return Contract.learn(table).data.cross


def test_an_order_is_found():
    low = RNG.normal(10, 5, N)
    rules = cross({"low": low, "high": low + RNG.exponential(2, N), "other": RNG.normal(10, 5, N)})
    assert [(r.left, r.right) for r in rules if isinstance(r, OrderRule)] == [("low", "high")]


def test_columns_that_hardly_overlap_prove_no_order():
    assert cross({"a": RNG.uniform(0, 1, N), "b": RNG.uniform(5, 6, N)}) == ()


def test_nulls_that_come_together_are_found():
    holes = RNG.random(N) < 0.1
    a, b, c = (pa.array(RNG.normal(size=N), mask=m) for m in (holes, holes, RNG.random(N) < 0.1))
    rules = cross({"a": a, "b": b, "c": c})
    assert [r.fields for r in rules if isinstance(r, NullTogetherRule)] == [("a", "b")]


@pytest.mark.parametrize(("scale", "digits"), [(1.0, 12), (100.0, 1)])
def test_shares_that_add_up_are_found(scale, digits):
    shares = np.round(RNG.dirichlet([1, 2, 3], N) * scale, digits)
    table = {"a": shares[:, 0], "b": shares[:, 1], "c": shares[:, 2], "d": RNG.random(N)}
    (rule,) = (r for r in cross(table) if isinstance(r, ConstantSumRule))
    assert rule.fields == ("a", "b", "c")
    assert rule.total == pytest.approx(scale, rel=1e-3)


def test_a_functional_dependency_is_found():
    town = RNG.integers(0, 30, N)
    table = {"town": [f"t{t}" for t in town], "land": [f"l{t % 4}" for t in town]}
    (rule,) = (r for r in cross(table) if isinstance(r, DependencyRule))
    assert (rule.determinant, rule.dependent) == ("town", "land")
    assert len(rule.mapping) == 30


def test_unrelated_columns_give_no_cross_field_rules():
    rng = np.random.default_rng(11)
    table = {f"n{i}": rng.normal(size=N) for i in range(15)}
    table |= {f"c{i}": [f"v{v}" for v in rng.integers(0, 5, N)] for i in range(10)}
    table |= {f"r{i}": ["x"] * (N - 4) + ["y"] * 4 for i in range(1)}
    assert cross(table) == ()


VALUES = {
    "n": st.none() | st.floats(-1e6, 1e6) | st.sampled_from([-999.0]),
    "i": st.none() | st.integers(-(2**62), 2**62),
    "s": st.none() | st.sampled_from(["a", "b", "unknown", "c d"]),
    "b": st.none() | st.booleans(),
}
SCHEMA = pa.schema({"n": pa.float64(), "i": pa.int64(), "s": pa.string(), "b": pa.bool_()})


@settings(deadline=None, max_examples=40)
@given(st.lists(st.fixed_dictionaries(VALUES), min_size=1, max_size=40), st.integers(1, 7))
def test_the_same_rows_give_the_same_contract_whatever_the_chunks(rows, size):
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    chunked = pa.Table.from_batches(table.to_batches(max_chunksize=size), schema=SCHEMA)
    contract = Contract.learn(table)
    assert Contract.learn(chunked).id == contract.id
    assert Contract.from_json(contract.to_json()) == contract


def test_chunks_do_not_change_the_cross_field_rules_of_a_long_table():
    low = RNG.normal(10, 5, 9000)
    table = pa.table({"low": low, "high": low + 1.0, "c": [f"v{int(v) % 3}" for v in low]})
    chunked = pa.Table.from_batches(table.to_batches(max_chunksize=977))
    assert Contract.learn(chunked).id == Contract.learn(table).id


def test_policies_are_set_by_name_and_checked():
    contract = Contract.learn({"job": ["a", "b"] * 100}, policies={"job": "fallback"})
    assert contract.field("job").policy is Policy.FALLBACK
    with pytest.raises(ContractError, match="no field 'Job'"):
        contract.with_policies({"Job": "reject"})
    with pytest.raises(ContractError, match="policy"):
        contract.with_policies({"job": "guess"})


def test_nothing_to_learn_from_is_refused():
    with pytest.raises(DataError, match="nothing to learn from"):
        Contract.learn(pa.table({"a": pa.array([], pa.int64())}))
    with pytest.raises(DataError, match="no column 'y'"):
        Contract.learn({"x": [1]}, target="y")
    with pytest.raises(UsageError, match="list"):
        Contract.learn({"x": [1]}, ids="x")


def test_a_contract_survives_its_json_file(tmp_path):
    contract = Contract.learn({"a": RNG.normal(size=N), "b": ["x", "y"] * (N // 2)}, name="loan")
    path = contract.save(tmp_path / "contract.json")
    assert Contract.load(path) == contract
    assert Contract.load(path).id == contract.id
    with pytest.raises(UsageError, match="JSON or YAML"):
        contract.save(tmp_path / "contract.txt")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "values",
    [
        [1.0],
        [math.inf, -math.inf] * 50,
        [math.nan] * 50,
        [1e308, -1e308, 1.7e308, *RNG.normal(size=300)],
        [5e-324 * i for i in range(300)],
        [2**63 - 1, -(2**63), 5] * 100,
        [""] * 300,
        [[1.0, None]] * 300,
        [[1.0] * (i % 4) for i in range(300)],
    ],
    ids=["one", "infinite", "nan", "huge", "tiny", "extreme", "empty", "bad lists", "lists"],
)
def test_what_a_contract_learned_from_passes_it(values):
    table = {"x": values, "y": values}
    contract = Contract.learn(table)
    assert contract.check(table).findings == ()
    assert Contract.from_json(contract.to_json()) == contract


def test_one_hot_columns_add_up_to_one():
    table = {f"is_{i}": (np.arange(N) % 30 == i).astype(int) for i in range(30)}
    (rule,) = (r for r in cross(table) if isinstance(r, ConstantSumRule))
    assert (len(rule.fields), rule.total) == (30, 1.0)


def test_dependencies_are_found_among_many_columns_in_reasonable_time():
    rng = np.random.default_rng(5)
    table = {f"c{i}": [f"v{v}" for v in rng.integers(0, 20, N)] for i in range(60)}
    table["land"] = [word[:2] for word in table["c7"]]
    found = [(r.determinant, r.dependent) for r in cross(table)]
    assert found == [("c7", "land")]


@pytest.mark.parametrize("draw", ["normal", "lognormal", "uniform"])
def test_a_long_column_gets_the_range_that_a_full_sort_gives(draw, monkeypatch):
    from holdfast.contracts.learning import numbers

    values = getattr(np.random.default_rng(9), draw)(size=150_000)
    holes = np.random.default_rng(10).random(150_000) < 0.03
    column = pa.array(values, mask=holes)
    quick = rule_of(learned(column), RangeRule)
    monkeypatch.setattr(numbers, "QUICK_ROWS", 10**9)
    assert rule_of(learned(column), RangeRule) == quick


def test_a_sentinel_in_a_long_column_is_still_named():
    values = np.random.default_rng(12).normal(50, 10, 150_000)
    values[::100] = -999.0
    assert rule_of(learned(values), SentinelRule).values == (-999.0,)


def test_a_long_column_of_a_few_values_keeps_its_limits():
    rule = rule_of(learned(np.repeat([1.0, 2.0, 3.5], 50_000)), RangeRule)
    assert (rule.low, rule.high) == (1.0, 3.5)
