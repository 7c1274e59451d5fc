"""Rows for training: which may be learned from, and from when they are."""

from __future__ import annotations

import pyarrow as pa

from holdfast.app.training import sound
from holdfast.storage.training import Interval

TIME = pa.timestamp("us", "UTC")


def test_rows_under_incidents_are_left_out_and_the_rest_is_told_as_intervals():
    table = pa.table({"at": pa.array([0, 3, 5, 7, None, 9], TIME), "row": list(range(6))})
    rows, pieces = sound(table, "at", [Interval(3, 5), Interval(9)])
    assert rows.column("row").to_pylist() == [0, 2, 3, 4]
    assert pieces == (Interval(0, 3), Interval(5, 9))


def test_of_rows_without_times_nothing_is_told():
    rows, pieces = sound(pa.table({"id": ["t1"]}), "at", [Interval(0)])
    assert (rows.num_rows, pieces) == (1, ())
