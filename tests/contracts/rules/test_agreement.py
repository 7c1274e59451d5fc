"""Every rule marks the same rows column-wide as row by row, whatever kind meets whatever type."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.contracts.model import (
    CategoriesRule,
    ConstantSumRule,
    ContractData,
    DependencyRule,
    Field,
    FormatRule,
    Kind,
    LengthRule,
    NullRule,
    NullTogetherRule,
    OrderRule,
    RangeRule,
    SentinelRule,
    TypeRule,
)
from holdfast.contracts.rules import CROSS_RULES, FIELD_RULES, cross_member, field_member
from holdfast.contracts.validate import validate
from holdfast.errors import ContractError
from holdfast.frames import read

BIG = st.integers(-(2**63), 2**63 - 1)
NUMBERS = st.sampled_from([0, 1, -1, 3, 7, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1]) | BIG
FLOATS = st.sampled_from([0.0, -0.0, 1.0, 3.0, 2.5, float(2**53), 1e300]) | st.floats()
WORDS = st.sampled_from(
    ["a", "b", "", "AB-12", "unknown", "2026-01-01", "2026-01-01T10:00:00+02:00", "1900-01-01",
     "01/02/2026", "é", "2026-13-01"]
) | st.text(max_size=6)  # fmt: skip
TIMES = st.datetimes(
    dt.datetime.fromisoformat("1890-01-01"), dt.datetime.fromisoformat("2100-01-01")
) | st.sampled_from(
    [dt.datetime.fromisoformat("1900-01-01"), dt.datetime.fromisoformat("2026-01-01")]
)
STORAGES = {
    pa.int64(): NUMBERS,
    pa.int8(): st.integers(-128, 127),
    pa.uint64(): st.integers(0, 2**64 - 1),
    pa.float64(): FLOATS,
    pa.float32(): st.floats(width=32),
    pa.string(): WORDS,
    pa.bool_(): st.booleans(),
    pa.timestamp("us"): TIMES,
    pa.timestamp("us", tz="UTC"): TIMES,
    pa.date32(): st.dates(dt.date(1890, 1, 1), dt.date(2100, 1, 1)),
    pa.list_(pa.float64()): st.lists(st.floats(), max_size=3),
    pa.list_(pa.int64()): st.lists(st.integers(-5, 5), max_size=3),
    pa.null(): st.none(),
}
BOUND = st.none() | NUMBERS | st.floats(allow_nan=False, allow_infinity=False)
DAYS = st.none() | st.sampled_from(["1900-01-01", "2026-01-01T10:00:00", "2026-01-01T10:00:00Z"])
CATEGORY = st.sampled_from(["a", "b", "unknown", 1, 3, True, False, 2**53 + 1])


@st.composite
def columns(draw, rows=8):
    kind = draw(st.sampled_from(list(STORAGES)))
    values = draw(st.lists(st.none() | STORAGES[kind], min_size=rows, max_size=rows))
    return pa.array(values, type=kind, from_pandas=False)


@st.composite
def field_rules(draw):
    """A field that validation accepts, and one of its rules."""
    kind = draw(st.sampled_from(list(Kind)))
    bounds = DAYS if kind is Kind.TIME else BOUND
    named = st.sampled_from(["unknown", "a", 3, 7.0, 2**53 + 1, "1900-01-01"])
    offered = [
        NullRule(),
        TypeRule(),
        RangeRule(low=draw(bounds), high=draw(bounds)),
        CategoriesRule(values=tuple(draw(st.lists(CATEGORY, max_size=4)))),
        SentinelRule(values=tuple(draw(st.lists(named, max_size=3)))),
        FormatRule(pattern=draw(st.sampled_from(["[A-Z]{2}-[0-9]{2}", "[a-z]*", ".+"]))),
        FormatRule(time_format="%d/%m/%Y"),
        LengthRule(low=draw(st.integers(0, 2)), high=draw(st.none() | st.integers(2, 5))),
    ]
    fitting = [rule for rule in offered if _valid(Field(name="x", kind=kind, rules=(rule,)))]
    rule = draw(st.sampled_from(fitting))
    others = draw(st.lists(st.sampled_from(fitting), max_size=2, unique_by=type))
    field = Field(
        name="x", kind=kind, rules=(rule, *(o for o in others if type(o) is not type(rule)))
    )
    return (field if _valid(field) else Field(name="x", kind=kind, rules=(rule,))), rule


def _valid(field):
    try:
        validate(ContractData(fields=(field,)))
    except ContractError:
        return False
    return True


@given(field_rules(), columns())
def test_a_field_rule_marks_a_column_as_it_marks_its_rows(made, array):
    field, rule = made
    table = read(pa.table({"x": array}))
    column, member = table.column("x"), field_member(rule)
    rows = [member.check_one(rule, field, row["x"]) for row in table.rows()]
    assert member.check(rule, field, column).tolist() == rows
    if member.clean(rule, field, column):
        assert not any(rows)


KINDS = st.sampled_from(list(Kind))
NAMED = st.sampled_from([(), (3, 7.0), ("unknown", "1900-01-01")])


@st.composite
def cross_rules(draw):
    fields = {
        name: Field(name=name, kind=draw(KINDS), rules=(SentinelRule(values=draw(NAMED)),))
        for name in "abc"
    }
    keys = st.sampled_from(["a", "b", 1, 3, True, 2**53 + 1])
    mapping = draw(st.dictionaries(keys, st.none() | keys, max_size=3))
    rule = draw(
        st.sampled_from(
            [
                OrderRule(left="a", right="b", strict=draw(st.booleans())),
                NullTogetherRule(fields=("a", "b", "c")),
                ConstantSumRule(fields=("a", "b"), total=draw(FLOATS), tolerance=0.5),
                ConstantSumRule(fields=("a", "b", "c"), total=10.0, tolerance=1e-9),
                DependencyRule(determinant="a", dependent="b", mapping=tuple(mapping.items())),
            ]
        )
    )
    return fields, rule


@given(cross_rules(), columns(), columns(), columns())
def test_a_cross_field_rule_marks_columns_as_it_marks_their_rows(made, a, b, c):
    fields, rule = made
    table = read(pa.table({"a": a, "b": b, "c": c}))
    member = cross_member(rule)
    rows = [member.check_one(rule, fields, row) for row in table.rows()]
    views = {name: table.column(name) for name in "abc"}
    assert member.check(rule, fields, views).tolist() == rows


@pytest.mark.parametrize("module", [*FIELD_RULES.values(), *CROSS_RULES.values()])
def test_every_rule_has_its_two_functions_and_its_code(module):
    import importlib

    member = importlib.import_module(module)
    assert callable(member.check)
    assert callable(member.check_one)
    assert member.CODE


@given(columns(rows=0))
def test_an_empty_column_is_marked_nowhere(array):
    column = read(pa.table({"x": array})).column("x")
    for rule in (NullRule(), TypeRule(), RangeRule(low=0), LengthRule(low=1)):
        field = Field(name="x", kind=Kind.NUMERIC, rules=(rule,))
        assert field_member(rule).check(rule, field, column).tolist() == []
