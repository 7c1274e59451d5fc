"""One typed view, whatever the engine, the chunks or the file."""

from __future__ import annotations

import datetime as dt
import decimal
import math

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast import frames
from holdfast.errors import DataError, TypeRefusedError, UsageError

ROWS = [{"a": 1, "b": "x", "c": 1.5}, {"a": 2, "b": None, "c": None}]


@pytest.mark.parametrize(
    "source",
    [
        ROWS,
        {"a": [1, 2], "b": ["x", None], "c": [1.5, None]},
        pa.Table.from_pylist(ROWS),
        pa.RecordBatch.from_pylist(ROWS),
        pa.Table.from_pylist(ROWS).to_batches(max_chunksize=1),
        pl.DataFrame(ROWS),
        pd.DataFrame(ROWS),
        pd.DataFrame(ROWS, index=[7, 9]),
    ],
    ids=["rows", "columns", "arrow", "batch", "batches", "polars", "pandas", "pandas-index"],
)
def test_every_engine_gives_the_same_rows(source):
    assert list(frames.read(source).rows()) == ROWS


def test_a_pandas_frame_is_not_modified():
    frame = pd.DataFrame(ROWS)
    before = frame.copy(deep=True)
    frames.read(frame)
    pd.testing.assert_frame_equal(frame, before)


def test_integers_above_2_to_53_are_exact():
    view = frames.read({"a": [2**53 + 1, None, -(2**62) - 1]}).column("a")
    assert view.bounds == (-(2**62) - 1, 2**53 + 1)


def test_an_integer_of_more_than_64_bits_is_refused_with_its_row():
    with pytest.raises(DataError, match="row=1"):
        frames.read([{"a": 1}, {"a": 2**70}])


def test_an_integer_that_a_float_would_change_is_refused():
    with pytest.raises(DataError):
        frames.read([{"a": 0.5}, {"a": 2**60 + 1}])


def test_nulls_and_nans_are_counted_apart():
    view = frames.read({"a": pa.array([1.0, None, math.nan, math.nan])}).column("a")
    assert (view.null_count, view.nan_count, view.missing_count) == (1, 2, 3)
    assert view.missing.tolist() == [False, True, True, True]
    assert view.bounds == (1.0, 1.0)


def test_dictionary_columns_become_their_values():
    table = frames.read(pd.DataFrame({"a": pd.Categorical(["x", "y", "x"])}))
    assert table.arrow()["a"].to_pylist() == ["x", "y", "x"]


def test_times_with_a_zone_are_the_same_instants_in_utc():
    zoned = pd.DataFrame({"t": pd.to_datetime(["2026-01-01 12:00"]).tz_localize("Europe/Madrid")})
    view = frames.read(zoned).column("t")
    assert view.values.tolist() == [1767265200000000]
    assert str(view.array.type) == "timestamp[us, tz=UTC]"


def test_a_date_is_its_midnight():
    view = frames.read({"d": [dt.date(1970, 1, 2)]}).column("d")
    assert view.values.tolist() == [86_400_000_000]


def test_decimals_become_floats_where_every_digit_survives():
    assert list(frames.read({"d": [decimal.Decimal("1.10")]}).rows()) == [{"d": 1.1}]
    with pytest.raises(TypeRefusedError, match="more digits"):
        frames.read({"d": [decimal.Decimal("12345678901234567.89")]})


@pytest.mark.parametrize(
    "values",
    [[{"x": 1}], [["a"]], [b"x"], [dt.timedelta(1)], [dt.time(1)]],
    ids=["struct", "list of text", "binary", "duration", "time of day"],
)
def test_a_type_that_is_not_handled_is_refused_and_can_be_left_out(values):
    with pytest.raises(TypeRefusedError, match="'bad'") as caught:
        frames.read({"good": [1], "bad": values})
    assert caught.value.remedy
    assert frames.read({"good": [1], "bad": values}, columns=["good"]).names == ("good",)


def test_lists_of_numbers_are_kept():
    assert list(frames.read({"v": [[1, 2], None]}).rows()) == [{"v": [1, 2]}, {"v": None}]


def test_a_repeated_column_name_is_refused():
    with pytest.raises(DataError, match="two columns are called 'a'"):
        frames.read(pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"]))
    with pytest.raises(DataError, match="Duplicate column names"):
        frames.read(pd.DataFrame([[1, 2]], columns=["a", "a"]))


def test_mixed_values_are_refused_without_showing_them():
    with pytest.raises(DataError, match="mixes int and str") as caught:
        frames.read([{"a": 1}, {"a": "secret"}])
    assert "secret" not in str(caught.value)
    with pytest.raises(DataError, match="column a") as caught:
        frames.read(pd.DataFrame({"a": [1, "secret"]}))
    assert "secret" not in str(caught.value)


def test_something_else_is_not_a_table():
    with pytest.raises(UsageError, match="not a table"):
        frames.read(5)


def test_an_unknown_column_is_answered_with_the_known_ones():
    with pytest.raises(DataError, match="one of 'a', 'b', 'c'"):
        frames.read(ROWS).column("A")


TIMES = st.datetimes(
    dt.datetime.fromisoformat("1900-01-01"), dt.datetime.fromisoformat("2200-01-01")
).map(lambda moment: moment.replace(fold=0))
COLUMNS = st.fixed_dictionaries(
    {
        "i": st.none() | st.integers(-(2**63), 2**63 - 1),
        "f": st.none() | st.floats(),
        "s": st.none() | st.text(max_size=5),
        "b": st.none() | st.booleans(),
        "t": st.none() | TIMES,
        "l": st.none() | st.lists(st.floats(), max_size=3),
    }
)
SCHEMA = pa.schema(
    {
        "i": pa.int64(),
        "f": pa.float64(),
        "s": pa.string(),
        "b": pa.bool_(),
        "t": pa.timestamp("us"),
        "l": pa.list_(pa.float64()),
    }
)


@given(st.lists(COLUMNS, max_size=12), st.integers(1, 5))
def test_the_fingerprint_does_not_depend_on_the_chunks(rows, size):
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    chunked = pa.Table.from_batches(table.to_batches(max_chunksize=size), schema=SCHEMA)
    assert frames.read(table).fingerprint() == frames.read(chunked).fingerprint()


@given(st.lists(COLUMNS, min_size=2, max_size=6))
def test_the_fingerprint_tells_other_rows_apart(rows):
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    other = table.slice(1)
    assert frames.read(table).fingerprint() != frames.read(other).fingerprint()


def test_the_fingerprint_tells_null_from_nan_and_shifted_texts():
    prints = [
        frames.read({"a": pa.array(values)}).fingerprint()
        for values in ([1.0, None], [1.0, math.nan], ["ab", "c"], ["a", "bc"], ["ab", None])
    ]
    assert len(set(prints)) == 5


@given(st.lists(COLUMNS, max_size=8))
def test_rows_come_out_as_they_went_in(rows):
    out = list(frames.read(pa.Table.from_pylist(rows, schema=SCHEMA)).rows())
    ordered = [{name: row[name] for name in SCHEMA.names} for row in rows]
    assert repr(out) == repr(ordered)
