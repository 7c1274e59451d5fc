"""Logged rows with their labels, in the shape of the training table."""

from __future__ import annotations

import datetime
from pathlib import Path

import pyarrow as pa
import pytest

from holdfast.app.project import Tables
from holdfast.app.retrain_rows import with_log
from holdfast.errors import DataError
from holdfast.storage import Store

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
