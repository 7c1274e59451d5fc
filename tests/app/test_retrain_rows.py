"""Logged rows with their labels, in the shape of the training table."""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from holdfast.app.project import Tables
from holdfast.app.retrain_rows import with_log, with_weighted_log
from holdfast.app.training import WEIGHT
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


def lend(store: Store, rows: int, share: float | None) -> dict[str, Any]:
    """Logs loans: the third with the higher score is refused, but for a share; labels follow.

    The score says more than twice too much of the refused.
    """
    rng = np.random.default_rng(3)
    score = rng.random(rows)
    refuse = score > 2 / 3
    explored = refuse & (rng.random(rows) < (share or 0))
    bad = rng.random(rows) < np.where(refuse, 0.3, score**2)
    columns: dict[str, Any] = {
        "id": [f"p{n}" for n in range(rows)],
        "model": ["m"] * rows,
        "at": list(range(1, rows + 1)),
        "received": list(range(1, rows + 1)),
        "score": score.tolist(),
        "decision": np.where(refuse & ~explored, "refuse", "approve").tolist(),
        "features": [f'{{"age": {n // 20}}}' for n in range(rows)],
    }
    if share is not None:
        chance = np.where(explored, share, np.where(refuse, 1 - share, 1.0))
        columns |= {"explored": explored.tolist(), "propensity": chance.tolist()}
    store.predictions.append_columns(columns)
    come = [n for n in range(rows) if columns["decision"][n] != "refuse"]
    label(store, come, bad)
    return {**columns, "bad": bad}


def label(store: Store, come: list[int], bad: Any, after: int = 10) -> None:
    times = [n + after for n in come]
    store.labels.append_columns(
        {"id": [f"p{n}" for n in come], "model": ["m"] * len(come),
         "value": [str(int(bad[n])) for n in come], "known_at": times, "received": times},
    )  # fmt: skip


def test_selective_labels_are_told_and_nothing_is_weighted_without_exploration(store: Store):
    lend(store, 1_000, None)
    table, told = with_weighted_log(TABLE, store, "m", DATA)
    assert table.equals(with_log(TABLE, store, "m", DATA))
    assert "labels are selective: 100.0% of the rows decided 'approve'" in told[0]
    assert "this cannot be corrected" in told[1]


def test_an_explored_row_stands_for_the_refused_and_one_from_elsewhere_for_itself(store: Store):
    given = lend(store, 2_000, 0.25)
    # labels in spite of a refusal, of a row without a decision, and of one from before
    refused = [n for n in range(2_000) if given["decision"][n] == "refuse"][:3]
    label(store, refused, given["bad"])
    for name, decision, chance in (("none", None, 1.0), ("old", "approve", None)):
        store.predictions.append_columns(
            {"id": [name], "model": ["m"], "at": [9], "received": [9], "decision": [decision],
             "propensity": [chance], "features": ["{}"]},
        )  # fmt: skip
        store.labels.append_columns(
            {"id": [name], "model": ["m"], "value": ["1"], "known_at": [9], "received": [9]}
        )
    table, told = with_weighted_log(TABLE, store, "m", DATA)
    assert table.drop_columns(WEIGHT).equals(with_log(TABLE, store, "m", DATA))
    weights = dict(zip(*(table.column(name).to_pylist() for name in ("id", WEIGHT)), strict=True))
    assert [weights.pop(name) for name in ("t1", "none", "old")] == [1, 1, 1]
    assert [weights.pop(f"p{n}") for n in refused] == [0, 0, 0]
    explored = {f"p{n}" for n in range(2_000) if given["explored"][n]}
    assert weights == {name: 4.0 if name in explored else 1.0 for name in weights}
    assert sum(weights.values()) == pytest.approx(2_000, rel=0.05)
    assert any("weights go with the rows" in line for line in told)


def test_the_loss_told_is_that_of_all_rows_not_of_the_labelled_ones(store: Store):
    given = lend(store, 6_000, 0.1)
    score, bad = np.array(given["score"]), given["bad"]
    true = float(((score - bad) ** 2).mean())
    _, told = with_weighted_log(TABLE, store, "m", DATA)
    [line] = [line for line in told if line.startswith("Brier score")]
    naive, mean, low, high = map(float, re.findall(r"[01]\.[0-9]{4}", line))
    assert low < true < high
    assert not low < naive < high
    assert low < mean < high
    owners = Tables(train="t", target="bad", event_time="at", ids=("id",), entities=("age",))
    _, by_owner = with_weighted_log(TABLE, store, "m", owners)
    assert line not in by_owner  # rows of one owner are drawn together: another interval
    assert any(f"{mean:.4f} (" in one for one in by_owner)


def test_where_both_decisions_bring_labels_nothing_is_said(store: Store):
    given = lend(store, 2_000, None)
    refused = [n for n in range(2_000) if given["decision"][n] == "refuse"]
    label(store, refused, given["bad"])
    assert with_weighted_log(TABLE, store, "m", DATA).selective == ()


def test_few_labels_do_not_tell_and_rows_without_decisions_are_not_asked(store: Store):
    lend(store, 150, 0.2)
    table, told = with_weighted_log(TABLE, store, "m", DATA)
    assert "could not tell" in told[0]
    assert table.column_names == TABLE.column_names
    assert with_weighted_log(TABLE, store, "another", DATA) == (TABLE, ())


def test_rows_under_incidents_are_no_evidence(store: Store):
    given = lend(store, 2_000, None)
    refused = [n for n in range(1_000, 2_000) if given["decision"][n] == "refuse"]
    label(store, refused, given["bad"])
    assert with_weighted_log(TABLE, store, "m", DATA).selective != ()
    store.training.spoil("m", "incident", Interval(0, 1_001), at=1)
    assert with_weighted_log(TABLE, store, "m", DATA).selective == ()


def test_a_table_with_such_a_column_of_its_own_is_refused(store: Store):
    with pytest.raises(DataError, match="weights of rows"):
        with_weighted_log(TABLE.append_column(WEIGHT, pa.array([1.0])), store, "m", DATA)
