"""Logged rows with their labels, in the shape of the training table."""

from __future__ import annotations

import datetime
from pathlib import Path

import pyarrow as pa
import pytest

from holdfast.app.project import Tables
from holdfast.app.retrain_rows import sound, with_log
from holdfast.errors import DataError
from holdfast.storage import Store
from holdfast.storage.training import Interval

TIME = pa.timestamp("us", "UTC")
TABLE = pa.table(
    {
        "id": ["t1"],
        "at": pa.array([0], TIME),
        "born": pa.array([0], TIME),
        "age": [40],
        "note": ["x"],
        "bad": [1],
    }
)
DATA = Tables(train="t", target="bad", event_time="at", ids=("id",))


@pytest.fixture
def store(tmp_path: Path):
    with Store.open(tmp_path / "holdfast.db") as found:
        yield found


def log(store: Store, name: str, features: str, label: str | None) -> None:
    store.predictions.append_columns(
        {"id": [name], "model": ["m"], "at": [5], "received": [6], "features": [features]}
    )
    if label is not None:
        store.labels.append_columns(
            {"id": [name], "model": ["m"], "value": [label], "known_at": [7], "received": [7]}
        )


def test_without_a_label_nothing_is_added(store: Store):
    log(store, "p1", '{"age": 3}', None)
    assert with_log(TABLE, store, "m", DATA).equals(TABLE)


def test_a_labelled_row_has_the_columns_and_types_of_the_table(store: Store):
    log(store, "p1", '{"age": 3, "born": "1970-01-01T00:00:02Z", "other": 9}', "0")
    both = with_log(TABLE, store, "m", DATA)
    assert both.schema == TABLE.schema
    times = [datetime.datetime.fromtimestamp(t, datetime.UTC) for t in (5e-6, 2)]
    assert both.to_pylist()[1] == {
        "id": "p1", "at": times[0], "born": times[1], "age": 3, "note": None, "bad": 0,
    }  # fmt: skip


def test_the_rows_of_other_models_stay_out(store: Store):
    log(store, "p1", '{"age": 3}', "0")
    assert with_log(TABLE, store, "another", DATA).num_rows == 1


def test_a_value_of_another_type_is_refused_by_name(store: Store):
    log(store, "p1", '{"age": "many"}', "0")
    with pytest.raises(DataError, match="'age'"):
        with_log(TABLE, store, "m", DATA)


def test_rows_under_incidents_are_left_out_and_the_rest_is_told_as_intervals():
    table = pa.table({"at": pa.array([0, 3, 5, 7, None, 9], TIME), "row": list(range(6))})
    rows, pieces = sound(table, "at", [Interval(3, 5), Interval(9)])
    assert rows.column("row").to_pylist() == [0, 2, 3, 4]
    assert pieces == (Interval(0, 3), Interval(5, 9))


def test_of_rows_without_times_nothing_is_told():
    rows, pieces = sound(TABLE.drop_columns("at"), "at", [Interval(0)])
    assert (rows.num_rows, pieces) == (1, ())
