"""Production columns are read as what the reference says they are, whatever they hold."""

from __future__ import annotations

import datetime as dt
import decimal
import math

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast import frames
from holdfast.frames.values import (
    NULL,
    VALUE,
    WRONG,
    ValueKind,
    concatenate,
    kind_of,
    read_values,
)

NUMBER, CATEGORY = ValueKind.NUMBER, ValueKind.CATEGORY

anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5),
    st.binary(max_size=4), st.dates(), st.datetimes(), st.decimals(), st.complex_numbers(),
    st.lists(st.integers(), max_size=2), st.just({"a": 1}), st.just(pd.NA), st.just(object()),
)  # fmt: skip


def spelled(values):
    return [None if c < 0 else values.names[c] for c in values.codes.tolist()]


@pytest.mark.parametrize(
    ("value", "state"),
    [
        (1, VALUE), (1.5, VALUE), (True, VALUE), (math.inf, VALUE), (-math.inf, VALUE),
        (np.float32(2.5), VALUE), (np.int64(3), VALUE), (decimal.Decimal("7.5"), VALUE),
        (None, NULL), (math.nan, NULL), (np.nan, NULL), (decimal.Decimal("NaN"), NULL),
        ("7", WRONG), ("", WRONG), ("nan", WRONG), (b"7", WRONG), ([1], WRONG), ({}, WRONG),
        (1j, WRONG), (10**400, WRONG), (object(), WRONG),
    ],
)  # fmt: skip
def test_what_a_value_counts_as_where_numbers_belong(value, state):
    read = read_values(NUMBER, [value, 1.0])
    assert read.state.tolist() == [state, VALUE]
    assert math.isnan(read.numbers[0]) == (state != VALUE)


@given(st.lists(anything, max_size=30))
def test_nothing_raises_and_every_row_has_one_state(values):
    for kind in ValueKind:
        read = read_values(kind, values)
        assert len(read) == len(values)
        assert set(read.state.tolist()) <= {VALUE, NULL, WRONG}
        if kind is NUMBER:
            assert np.array_equal(np.isnan(read.numbers), read.state != VALUE)
        else:
            assert WRONG not in read.state.tolist()
            assert np.array_equal(read.codes < 0, read.state == NULL)
            assert len(set(read.names)) == len(read.names)
        assert len(read.raw(np.arange(len(values)))) == len(values)


@given(st.lists(st.one_of(st.none(), st.floats(allow_infinity=False)), min_size=1, max_size=20))
def test_every_engine_reads_the_same_numbers(values):
    plain = read_values(NUMBER, values)
    table = frames.read(pa.table({"x": pa.array(values, pa.float64())}))
    for other in (
        pa.array(values, pa.float64()),
        pa.chunked_array([pa.array(values[:1], pa.float64()), pa.array(values[1:], pa.float64())]),
        np.array([math.nan if v is None else v for v in values]),
        table.column("x"),
        frames.read(pd.DataFrame({"x": pd.Series(values, dtype=float)})).column("x"),
        frames.read(pl.DataFrame({"x": pl.Series(values, dtype=pl.Float64)})).column("x"),
    ):
        read = read_values(NUMBER, other)
        assert read.state.tolist() == plain.state.tolist()
        assert np.array_equal(read.numbers, plain.numbers, equal_nan=True)


@given(
    st.lists(st.one_of(st.none(), st.sampled_from(["a", "b", "ü", ""])), min_size=1, max_size=20)
)
def test_every_engine_reads_the_same_categories(values):
    for other in (
        values,
        pa.array(values, pa.string()),
        pa.array(values, pa.string()).dictionary_encode(),
        np.array(values, dtype=object),
        frames.read(pl.DataFrame({"x": pl.Series(values, dtype=pl.String)})).column("x"),
    ):
        assert spelled(read_values(CATEGORY, other)) == values


def test_numbers_where_categories_belong_are_spelled_out():
    assert spelled(read_values(CATEGORY, [1, "1", 2.5, None, True])) == [
        "1", "1", "2.5", None, "True",
    ]  # fmt: skip
    assert spelled(read_values(CATEGORY, pa.array([1, None, 2]))) == ["1", None, "2"]
    assert spelled(read_values(CATEGORY, np.array([3, 4]))) == ["3", "4"]


def test_texts_where_numbers_belong_are_wrong_and_can_be_looked_at():
    read = read_values(NUMBER, pa.array(["1", None, "x"]))
    assert read.state.tolist() == [WRONG, NULL, WRONG]
    assert read.raw(np.array([2, 1])) == ["x", None]


def test_times_are_microseconds_and_flags_are_zero_and_one():
    moment = dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=dt.UTC)
    times = read_values(NUMBER, pa.array([moment, None], pa.timestamp("us", tz="UTC")))
    assert times.numbers[0] == 1e6
    assert times.state.tolist() == [VALUE, NULL]
    assert read_values(NUMBER, pa.array([True, False, None])).numbers[:2].tolist() == [1.0, 0.0]


@given(
    st.lists(st.lists(anything, max_size=8), min_size=1, max_size=5),
    st.sampled_from(list(ValueKind)),
)
def test_parts_put_together_are_the_whole(parts, kind):
    whole = read_values(kind, [v for part in parts for v in part])
    joined = concatenate([read_values(kind, part) for part in parts])
    assert joined.state.tolist() == whole.state.tolist()
    if kind is NUMBER:
        assert np.array_equal(joined.numbers, whole.numbers, equal_nan=True)
        wrong = np.flatnonzero(whole.state == WRONG)
        for a, b in zip(joined.raw(wrong), whole.raw(wrong), strict=True):
            assert a is b or a == b
    else:
        assert spelled(joined) == spelled(whole)


@given(st.lists(anything, min_size=1, max_size=20), st.data())
def test_rows_that_are_taken_are_those_rows(values, data):
    at = np.array(data.draw(st.lists(st.integers(0, len(values) - 1), max_size=10)), np.int64)
    for kind in ValueKind:
        whole = read_values(kind, values)
        part = whole.take(at)
        assert part.state.tolist() == whole.state[at].tolist()
        every = np.arange(len(at))
        for a, b in zip(part.raw(every), [values[i] for i in at.tolist()], strict=True):
            assert a is b
        again = part.take(every[::-1])
        assert again.state.tolist() == whole.state[at][::-1].tolist()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (["a", None, "b"], CATEGORY), ([1, 2.5, None], NUMBER), ([True], NUMBER), ([], NUMBER),
        ([None, None], NUMBER), (["1", 2, 3], NUMBER), (["x", "y", 3], CATEGORY),
        (np.array([1.0]), NUMBER), (np.array(["a"], dtype=object), CATEGORY),
    ],
)  # fmt: skip
def test_texts_are_categories_and_everything_else_numbers(data, kind):
    assert kind_of(data) is kind


def test_no_rows_are_no_trouble():
    for kind in ValueKind:
        empty = read_values(kind, [])
        assert len(empty) == 0
        assert len(concatenate([empty, read_values(kind, [None])])) == 1
        assert empty.take(np.empty(0, np.int64)).raw(np.empty(0, np.int64)) == []
