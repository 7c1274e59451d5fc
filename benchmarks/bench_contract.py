"""What learning and checking a contract cost: CPU per cell, and against pyarrow's own pass.

The table is that of the profiling kernel's study: 30 float64 columns with 3% NaN or null, 10
int64, 10 texts with 2 to 2000 distinct values.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.contracts import Contract
from holdfast.frames import read


def make_table(rows: int, seed: int = 0) -> pa.Table:
    """30 floats, 10 integers, 10 texts."""
    rng = np.random.default_rng(seed)
    columns: dict[str, Any] = {}
    for i in range(30):
        draw = (rng.normal, rng.lognormal, rng.uniform)[i % 3]
        values = draw(size=rows)
        holes = rng.random(rows) < 0.03
        if i % 2:
            values[holes] = np.nan
            columns[f"f{i:02d}"] = pa.array(values)
        else:
            columns[f"f{i:02d}"] = pa.array(values, mask=holes)
    for i in range(10):
        columns[f"i{i}"] = pa.array(rng.integers(0, 10 ** (1 + i % 6), rows))
    for i, distinct in enumerate((2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)):
        words = np.array([f"value_{k:04d}" for k in range(distinct)], dtype=object)
        columns[f"s{i}"] = pa.array(words[rng.integers(0, distinct, rows)], pa.string())
    return pa.table(columns)


def floor_pass(table: pa.Table) -> None:
    """The yardstick: null_count and min_max of every column."""
    for column in table.columns:
        column.null_count  # noqa: B018 - the count is the work
        pc.min_max(column)


def cpu(work: Callable[[], Any]) -> float:
    """CPU seconds of one call, all threads."""
    start = time.process_time()
    work()
    return time.process_time() - start


def run(quick: bool) -> list[dict[str, Any]]:
    """Rows for the benchmark report."""
    rows = 200_000 if quick else 1_000_000
    table = make_table(rows)
    cells = rows * table.num_columns
    contract = Contract.learn(table)
    floors, checks, learns = [], [], []
    for _ in range(3 if quick else 5):
        floors.append(cpu(lambda: floor_pass(table)))
        checks.append(cpu(lambda: contract.check(read(table))))
        learns.append(cpu(lambda: Contract.learn(read(table))))
    ratio = float(np.median(np.array(checks) / np.array(floors)))
    learn_ns = float(np.median(learns)) / cells * 1e9
    how = f"{rows} x {table.num_columns}, process CPU, median of {len(floors)} interleaved rounds"
    return [
        {
            "what": "contract learn, CPU per cell",
            "value": round(learn_ns, 2),
            "unit": "ns",
            "target": "<= 25",
            "reached": learn_ns <= 25,
            "how": how,
        },
        {
            "what": "contract check against pyarrow null_count + min_max",
            "value": round(ratio, 2),
            "unit": "x",
            "target": "<= 3",
            "reached": ratio <= 3,
            "how": how + f"; yardstick {np.median(floors) / cells * 1e9:.2f} ns per cell",
        },
    ]


if __name__ == "__main__":
    for row in run(quick=False):
        print(row)
