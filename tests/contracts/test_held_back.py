"""Real tables: a clean held-back half passes, and the same half with a fault in it does not.

Half of the rows teach, the other half is checked. Large tables are cut to 12,000 random rows.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from holdfast.contracts import Contract, Kind
from holdfast.contracts.model import ConstantSumRule, DependencyRule, NullTogetherRule, OrderRule

ROWS = 12_000
TABLES = (
    "acs_employment_ma", "adult_census", "bank_marketing_additional", "bike_sharing_hour",
    "cdnow_purchases", "credit_data_spain", "diabetes_130_hospitals", "elec2", "fdh_card_tx",
    "german_credit", "lendingclub_2018", "movielens_small_2016", "online_retail",
    "reuters21578", "sms_spam", "synthetic_car_loan", "telco_churn", "titanic3",
    "vehicle_claim_fraud", "weather_aus",
)  # fmt: skip


def halves(table, seed):
    rng = np.random.default_rng(seed)
    rows = rng.permutation(table.num_rows)[:ROWS]
    middle = len(rows) // 2
    return table.take(np.sort(rows[:middle])), table.take(np.sort(rows[middle:]))


@pytest.fixture(scope="module")
def tables(real_data):
    """Every real table, without its columns of lists of texts."""
    loaded = {}
    for name in TABLES:
        table = pq.read_table(real_data / f"{name}.parquet")
        lists = [f.name for f in table.schema if pa.types.is_large_list(f.type)]
        loaded[name] = table.drop_columns(lists)
    return loaded


@pytest.mark.slow
def test_at_most_one_column_in_two_hundred_complains_on_a_held_back_half(tables):
    columns, complaints = 0, []
    for name, table in tables.items():
        for seed in range(3):
            train, test = halves(table, seed)
            report = Contract.learn(train).check(test)
            columns += table.num_columns
            complaints += {(name, seed, c) for f in report.findings for c in f.columns}
    assert columns > 1000
    assert len(complaints) <= 0.005 * columns, complaints


def replaced(table, name, values):
    return table.set_column(table.column_names.index(name), name, values)


@pytest.fixture(scope="module")
def learned(tables):
    """Per table: its contract from one half, and the other half."""
    made = {}
    for name, table in tables.items():
        train, test = halves(table, 0)
        made[name] = (Contract.learn(train), test)
    return made


def caught(contract, table, column):
    return any(column in finding.columns for finding in contract.check(table).findings)


def shares_missed(learned, applies, fault):
    """Columns to which a fault applies, and those where it was not seen."""
    tried, missed = 0, []
    for name, (contract, test) in learned.items():
        for field in contract.fields:
            if not applies(field, test.column(field.name)):
                continue
            tried += 1
            faulty = replaced(test, field.name, fault(test.column(field.name)))
            if not caught(contract, faulty, field.name):
                missed.append((name, field.name))
    return tried, missed


def rare_nulls(field, column):
    return column.null_count <= 0.5 * len(column)


def test_a_column_that_turns_null_is_always_found(learned):
    tried, missed = shares_missed(learned, rare_nulls, lambda c: pa.nulls(len(c), c.type))
    assert tried > 300
    assert missed == []


def test_a_tenth_of_a_column_turning_null_is_found_where_nulls_were_rare(learned):
    def tenth(column):
        mask = np.arange(len(column)) % 10 == 0
        return pc.if_else(pa.array(mask), pa.scalar(None, column.type), column)

    def applies(field, column):
        return column.null_count <= 0.01 * len(column)

    tried, missed = shares_missed(learned, applies, tenth)
    assert tried > 250
    assert len(missed) <= 0.01 * tried, missed


def test_a_changed_type_is_always_found(learned):
    def other_type(column):
        if pa.types.is_large_string(column.type) or pa.types.is_boolean(column.type):
            return pa.array(np.arange(len(column)) + 0.5)
        return pc.fill_null(pc.cast(column, pa.string()), "x").cast(pa.large_string())

    def applies(field, column):
        return rare_nulls(field, column) and field.kind not in {Kind.TIME, Kind.ID}

    tried, missed = shares_missed(learned, applies, other_type)
    assert tried > 250
    assert missed == []


def test_numbers_a_hundred_times_too_large_are_found(learned):
    def times_hundred(column):
        return pc.multiply(column.cast(pa.float64()), 100.0)

    def applies(field, column):
        if field.kind not in {Kind.INTEGER, Kind.NUMERIC} or not rare_nulls(field, column):
            return False
        numbers = column.drop_null().cast(pa.float64())
        return pc.mean(pc.not_equal(numbers, 0.0).cast(pa.float64())).as_py() > 0.02

    tried, missed = shares_missed(learned, applies, times_hundred)
    assert tried > 80
    assert len(missed) <= 0.05 * tried, missed


def test_a_renamed_category_is_found(learned):
    def renamed(column):
        counts = pc.value_counts(column.drop_null()).to_pylist()
        top = max(counts, key=lambda item: item["counts"])["values"]
        return pc.if_else(pc.fill_null(pc.equal(column, top), False), top + "_new", column)

    def applies(field, column):
        return field.kind is Kind.CATEGORICAL and rare_nulls(field, column)

    tried, missed = shares_missed(learned, applies, renamed)
    assert tried > 130
    assert missed == []


def test_a_sentinel_filled_into_a_fifth_of_the_rows_is_found(learned):
    def filled(column):
        mask = pa.array(np.arange(len(column)) % 5 == 0)
        return pc.if_else(mask, pa.scalar(-999.0), column.cast(pa.float64()))

    def applies(field, column):
        return field.kind in {Kind.INTEGER, Kind.NUMERIC} and rare_nulls(field, column)

    tried, missed = shares_missed(learned, applies, filled)
    assert tried > 90
    assert len(missed) <= 0.03 * tried, missed


def test_a_broken_cross_field_rule_is_found(learned):
    broken, tried = [], 0
    for name, (contract, test) in learned.items():
        for rule in contract.data.cross:
            faulty = shuffled(test, rule)
            tried += 1
            report = contract.check(faulty)
            result = next(
                r for r, q in zip(report.cross, contract.data.cross, strict=True) if q is rule
            )
            if not result.complains:
                broken.append((name, rule))
    assert tried > 25
    assert len(broken) <= 0.1 * tried, broken


def shuffled(table, rule):
    """The table with one of the rule's columns shuffled against the others."""
    column = {
        OrderRule: lambda r: r.left,
        NullTogetherRule: lambda r: r.fields[0],
        ConstantSumRule: lambda r: r.fields[0],
        DependencyRule: lambda r: r.dependent,
    }[type(rule)](rule)
    order = np.random.default_rng(0).permutation(table.num_rows)
    return replaced(table, column, table.column(column).take(pa.array(order)))


def test_the_rules_found_are_those_a_person_would_name(learned):
    orders = {
        (name, rule.left, rule.right)
        for name, (contract, _) in learned.items()
        for rule in contract.data.cross
        if isinstance(rule, OrderRule)
    }
    assert ("weather_aus", "MinTemp", "Temp9am") in orders
    assert ("bike_sharing_hour", "registered", "cnt") in orders
    depends = {
        (name, rule.determinant, rule.dependent)
        for name, (contract, _) in learned.items()
        for rule in contract.data.cross
        if isinstance(rule, DependencyRule)
    }
    assert ("adult_census", "education", "education-num") in depends
    assert ("lendingclub_2018", "sub_grade", "grade") in depends


def test_the_employment_field_of_the_real_loans_is_strict_about_nulls(tables):
    contract = Contract.learn(tables["credit_data_spain"], target="Status")
    job, income = contract.field("Job"), contract.field("Income")
    assert (job.rules[0].evidence.marked, job.rules[0].rows) == (2, True)
    assert (income.rules[0].evidence.marked, income.rules[0].rows) == (381, False)
    assert contract.field("Job").kind is Kind.CATEGORICAL
    assert "Status" not in contract.serving().features
