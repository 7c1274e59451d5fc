"""Rows for training: which may be learned from, and from when they are."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from holdfast.app.training import WEIGHT, fitting, sound
from holdfast.retraining.context import TrainingContext
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


def test_weights_follow_their_rows_and_are_no_column_to_learn_from(tmp_path: Path):
    context = TrainingContext(
        model="m", features=("x",), target="y", positive=1, seed=0, start=None, end=None, rows=0,
        reason="", parent=None, progress=lambda step, share: None, checkpoints=tmp_path,
    )  # fmt: skip
    table = pa.table({"x": [1, 2, 3], "y": [0, 1, 1], WEIGHT: [1.0, 4.0, 0.0]})

    def train(frame, context):
        return frame.column_names, None if context.weights is None else context.weights.tolist()

    fit = fitting(train, context, None)
    assert fit(table, ("x",)) == (["x", "y"], [1.0, 4.0, 0.0])
    assert fit(table.slice(1), ("x",)) == (["x", "y"], [4.0, 0.0])
    assert fit(table.drop_columns(WEIGHT), ("x",)) == (["x", "y"], None)
    older = fitting(lambda table, features, target, positive: table.column_names, context, None)
    assert older(table, ("x",)) == ["x", "y"]
