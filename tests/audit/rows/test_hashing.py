"""Row hashes: what is equal, what is not, whatever type or order it comes in."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast import frames
from holdfast.audit.rows.hashing import column_hashes, groups, pairs, row_hashes


def hashed(values: object, kind: pa.DataType | None = None) -> list[tuple[int, int]]:
    table = frames.read(pa.table({"x": pa.array(values, kind)}))
    return [tuple(row) for row in column_hashes(table.column("x")).tolist()]


def test_a_number_is_the_same_in_every_type():
    expected = hashed([0, 1])
    assert hashed([0.0, 1.0]) == expected
    assert hashed([0, 1], pa.int8()) == expected
    assert hashed([False, True]) == expected
    assert hashed([-0.0, 1.0]) == expected


def test_null_and_nan_are_one_value_and_no_number():
    one = hashed([None, 0.0, float("nan")], pa.float64())
    assert one[0] == one[2] != one[1]


def test_large_integers_do_not_fall_together():
    assert len(set(hashed([2**53, 2**53 + 1, 2**60, 2**60 + 1]))) == 4


def test_texts_are_compared_without_blanks_at_the_ends_and_in_one_unicode_form():
    composed, split = "caf\u00e9", "cafe\u0301"
    one = hashed([composed, split, f" {composed} ", "cafe"])
    assert one[0] == one[1] == one[2] != one[3]


def test_a_row_is_told_from_the_same_values_in_other_columns():
    table = frames.read({"a": [1, 2], "b": [2, 1]})
    views = [(name, table.column(name)) for name in table.names]
    made = row_hashes(views, 2)
    assert made[0].tolist() != made[1].tolist()
    assert (row_hashes(views[::-1], 2) == made).all()


def test_many_different_numbers_have_as_many_hashes():
    view = frames.read({"x": np.arange(200_000)}).column("x")
    assert len(np.unique(column_hashes(view)[:, 0])) == 200_000


def test_pairs_of_equal_rows_are_counted():
    table = frames.read({"x": [1, 1, 1, 2, 2, 3]})
    assert pairs(column_hashes(table.column("x"))) == 3 + 1


VALUES = st.one_of(
    st.lists(st.one_of(st.none(), st.floats(), st.integers(-5, 5).map(float)), max_size=30),
    st.lists(st.one_of(st.none(), st.text(max_size=3)), max_size=30),
    st.lists(st.one_of(st.none(), st.integers(-(2**62), 2**62)), max_size=30),
)


def canonical(value: object) -> object:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "null"
    if isinstance(value, str):
        import unicodedata

        return ("text", unicodedata.normalize("NFC", value.strip()))
    return value


@settings(max_examples=150, deadline=None)
@given(VALUES)
def test_groups_are_exactly_the_equal_values(values):
    view = frames.read(pa.table({"x": pa.array(values)})).column("x")
    (numbers,) = groups(column_hashes(view))
    for i, j in itertools.combinations(range(len(values)), 2):
        same = canonical(values[i]) == canonical(values[j])
        assert (numbers[i] == numbers[j]) == same


@pytest.mark.parametrize("rows", [0, 1])
def test_tiny_tables_have_groups(rows):
    view = frames.read(pa.table({"x": pa.array([1.0] * rows, pa.float64())})).column("x")
    assert [len(part) for part in groups(column_hashes(view))] == [rows]
