"""Marks of a table, a column at a time, are those that the guard gives row by row."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from holdfast.contracts import Contract
from holdfast.contracts.marks import marked
from holdfast.frames import read


def table(rows: int, seed: int, *, broken: bool) -> pa.Table:
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 70, rows).astype(object)
    city = rng.choice(["Lyon", "Nice", "Paris"], rows).astype(object)
    low = rng.normal(10.0, 1.0, rows).round(2)
    if broken:
        age[rng.random(rows) < 0.1] = None
        age[rng.random(rows) < 0.1] = 5_000
        city[rng.random(rows) < 0.2] = "Atlantis"
    return pa.table({"age": pa.array(age.tolist(), pa.int64()), "city": city.tolist(), "low": low,
                     "high": low + rng.uniform(1.0, 2.0, rows)})  # fmt: skip


def test_marks_by_column_are_those_of_the_guard():
    contract = Contract.learn(table(2_000, 0, broken=False))
    rows = table(500, 1, broken=True)
    found = marked(contract.data, read(rows))
    guard = contract.guard()
    wanted: dict[str, list[int]] = {}
    for i, row in enumerate(rows.to_pylist()):
        for violation in guard(row).violations:
            wanted.setdefault(f"{violation.field}:{violation.code}", []).append(i)
    assert {mark: where.tolist() for mark, where in found.items()} == wanted
    assert {"age:null", "age:range", "city:unseen"} <= set(found)


def test_a_table_without_a_field_has_no_marks_of_it():
    contract = Contract.learn(table(500, 0, broken=False))
    assert marked(contract.data, read(table(50, 1, broken=True).select(["low"]))) == {}


def test_no_rows_have_no_marks():
    contract = Contract.learn(table(500, 0, broken=False))
    assert marked(contract.data, read(table(50, 1, broken=True).slice(0, 0))) == {}
