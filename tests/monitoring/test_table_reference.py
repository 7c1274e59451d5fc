"""A table of normal rows is enough to watch a model that is served elsewhere."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from holdfast import frames
from holdfast.errors import DataError
from holdfast.frames.values import ValueKind, read_values
from holdfast.monitoring.monitor import Monitor
from holdfast.monitoring.table_reference import TableReference, outcomes

NOW = 1795442700_000_000


def table(rows=1200, seed=0):
    rng = np.random.default_rng(seed)
    size = rng.normal(50, 10, rows)
    score = 1 / (1 + np.exp(-(size - 50) / 10))
    return {
        "customer": [f"c{i}" for i in range(rows)],
        "size": size.tolist(),
        "weight": rng.gamma(2.0, size=rows).tolist(),
        "job": rng.choice(["a", "b", "c"], rows, p=[0.6, 0.3, 0.1]).tolist(),
        "score": score.tolist(),
        "bought": np.where(rng.random(rows) < score, "yes", "no").tolist(),
    }


def learned(data=None, **details):
    known = {"score": "score", "target": "bought", "positive": "yes", "ignore": ("customer",)}
    return TableReference.learn(table() if data is None else data, **(known | details))


def test_features_score_and_outcomes_are_told_apart():
    found = learned()
    assert found.values.names == ("size", "weight", "job")
    assert found.values.kinds["job"] is ValueKind.CATEGORY
    assert found.values.score is not None
    assert found.values.labels is not None
    assert found.reference == {"rows": 1200, "marks": {}}
    assert set(found.portrait.columns) == {"size", "weight", "job"}


@pytest.mark.parametrize("engine", [dict, pd.DataFrame, pl.DataFrame])
def test_any_table_teaches_the_same(engine):
    assert learned(engine(table())).id == learned().id


def test_another_table_or_another_floor_is_another_reference():
    ids = {learned().id, learned(table(seed=1)).id, learned(floor=0.5).id}
    assert len(ids) == 3


def test_a_table_without_scores_and_outcomes_will_do():
    found = learned(score=None, target=None, ignore=("customer", "score", "bought"))
    assert (found.values.score, found.values.labels) == (None, None)
    assert found.values.names == ("size", "weight", "job")


def test_a_column_that_is_not_there_and_too_few_rows_are_refused_in_words():
    with pytest.raises(DataError, match="points"):
        learned(score="points")
    with pytest.raises(DataError, match="too few rows"):
        learned({k: v[:20] for k, v in table().items()})


def test_outcomes_that_are_neither_0_nor_1_need_a_name():
    with pytest.raises(DataError, match="which outcome"):
        learned(positive=None)
    assert outcomes([0, 1, True, None, math.nan, 1.0])[:3].tolist() == [0.0, 1.0, 1.0]
    assert np.isnan(outcomes([None, math.nan])).all()
    assert outcomes(["2", 2, 3], positive=2).tolist() == [1.0, 1.0, 0.0]
    with pytest.raises(DataError):
        outcomes([0, 2])


def test_a_monitor_watches_by_it():
    found = learned()
    watcher = Monitor(found, clock=lambda: NOW)
    kinds = {(w.feature, w.code) for w in watcher.watched}
    assert {("size", "null"), ("job", "unseen"), ("", "score"), ("", "label")} <= kinds


def bunches(rows, seed):
    """Customers with ten rows each."""
    rng = np.random.default_rng(seed)
    who = np.arange(rows) // 10
    return pa.table(
        {
            "customer": pa.array([f"{seed}-{k}" for k in who.tolist()]),
            "size": rng.normal(0, 1, rows // 10)[who],
            "kind": pa.array(rng.choice(["a", "b"], rows // 10)[who].tolist()),
            "amount": rng.gamma(2.0, size=rows),
        }
    )


def test_rows_of_one_entity_count_once_and_it_is_no_column():
    found = TableReference.learn(bunches(6000, 1), entity="customer")
    assert found.values.names == ("size", "kind", "amount")
    assert found.values.counted == 0.1
    watcher = Monitor(found, clock=lambda: 0)

    def rows(seed):
        frame = frames.read(bunches(3000, seed))
        kinds = found.values.kinds
        return {name: read_values(kind, frame.column(name)) for name, kind in kinds.items()}

    assert watcher.observe_columns(rows(2)) == []
    columns = rows(3)
    columns["size"] = read_values(ValueKind.NUMBER, [None] * 3000)
    told = watcher.observe_columns(columns)
    assert [i.features for i in told] == [("size",)]


def test_a_table_with_times_is_put_in_their_order_and_needs_no_warm_up():
    rng = np.random.default_rng(3)
    at = np.array("2026-03-02", "datetime64[us]") + np.arange(4000) * np.timedelta64(5, "m")
    warm = np.sin(np.arange(4000) / 288 * 2 * np.pi) + rng.normal(0, 0.3, 4000)
    order = rng.permutation(4000)
    mixed = pa.table({"at": at[order], "warmth": warm[order]})
    found = TableReference.learn(mixed, event_time="at")
    assert found.values.names == ("warmth",)
    assert found.values.columns[0].clock is not None
    assert found.values.warm_up == 0
    shuffled = TableReference.learn(mixed.drop(["at"]), ordered=False)
    assert shuffled.values.warm_up > 0
