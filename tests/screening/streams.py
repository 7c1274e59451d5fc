"""Made-up streams of four columns that wander slowly, and faults in two thousand of their rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

#: rows of a stream, and rows of its fault
ROWS, BEGIN, END = 14_000, 8_100, 10_100
TRUSTED = 5_000

Columns = dict[str, np.ndarray]


def wandering(seed: int, rows: int = ROWS) -> Columns:
    """Income and spending that go together, an age, and a city whose shares move."""
    rng = np.random.default_rng(seed)
    drift = np.linspace(0.0, 0.8, rows)
    income = np.exp(rng.normal(7.5 + drift, 0.4)).round(2)
    spent = (income * rng.uniform(0.2, 0.5, rows)).round(2)
    age = rng.integers(18, 80, rows).astype(float)
    age[rng.random(rows) < 0.1] = np.nan
    share = 0.3 + 0.3 * np.linspace(0, 1, rows)
    city = np.where(rng.random(rows) < share, "Lyon", "Paris").astype(object)
    city[rng.random(rows) < 0.2] = "Nice"
    return {"income": income, "spent": spent, "age": age, "city": city}


def table(columns: Columns) -> pa.Table:
    return pa.table({name: pa.array(v, from_pandas=True) for name, v in columns.items()})


def unit_change(c: Columns, rows: np.ndarray) -> None:
    c["income"][rows] *= 100


def null_flood(c: Columns, rows: np.ndarray) -> None:
    c["age"][rows[np.random.default_rng(1).random(len(rows)) < 0.5]] = np.nan


def stuck_value(c: Columns, rows: np.ndarray) -> None:
    c["income"][rows] = c["income"][rows[0]]


def default_fill(c: Columns, rows: np.ndarray) -> None:
    c["spent"][rows[np.random.default_rng(1).random(len(rows)) < 0.5]] = 0.0


def duplicated_load(c: Columns, rows: np.ndarray) -> None:
    for values in c.values():
        values[rows] = values[rows[0] + np.arange(len(rows)) // 4]


def shifted_join(c: Columns, rows: np.ndarray) -> None:
    c["income"][rows] = c["income"][rows - 700]


def renamed_category(c: Columns, rows: np.ndarray) -> None:
    c["city"][rows[c["city"][rows] == "Paris"]] = "Paris_v2"


def swapped_columns(c: Columns, rows: np.ndarray) -> None:
    c["income"][rows], c["age"][rows] = c["age"][rows].copy(), c["income"][rows].copy()


FAULTS: tuple[Callable[[Columns, np.ndarray], None], ...] = (
    unit_change, null_flood, stuck_value, default_fill, duplicated_load, shifted_join,
    renamed_category, swapped_columns,
)  # fmt: skip
