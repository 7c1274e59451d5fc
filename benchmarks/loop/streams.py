"""The six streams: columns, outcome, costs; rows in the order in which they happened."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

Floats = npt.NDArray[np.float64]
#: most rows of a stream; of longer ones every so-manieth row is taken, in order
MOST = 60_000


class Stream(NamedTuple):
    """One stream.

    Attributes:
        name: of the file.
        numbers: numeric columns by name, NaN where null.
        words: text columns by name.
        bad: outcome, 0 or 1.
        costs: of a false positive and of a false negative.
    """

    name: str
    numbers: dict[str, Floats]
    words: dict[str, npt.NDArray[np.object_]]
    bad: Floats
    costs: tuple[float, float]

    @property
    def rows(self) -> int:
        """How many."""
        return len(self.bad)

    def table(self) -> pa.Table:
        """The columns as a table."""
        numbers = {n: pa.array(v, from_pandas=True) for n, v in self.numbers.items()}
        words = {n: pa.array(v.tolist(), pa.string()) for n, v in self.words.items()}
        return pa.table({**numbers, **words})


#: name → order, outcome and its positive value, columns left out, costs
SPECS: dict[str, tuple[str, str, object, tuple[str, ...], tuple[float, float]]] = {
    "elec2": ("timestamp", "class", "UP", ("date", "day", "timestamp"), (1, 1)),
    "weather_aus": ("Date", "RainTomorrow", "Yes", ("Date", "RISK_MM", "Location"), (1, 3)),
    "lendingclub_2018": (
        "issue_d", "loan_status", 1, ("id", "issue_d", "emp_title", "dti_joint", "sub_grade",
        "grade.1", "addr_state"), (1, 5),
    ),
    "acs_employment_ma": (
        "year", "employed", 1, ("id", "year", "prediction", "predicted_probability", "partition"),
        (1, 1),
    ),
    "fdh_card_tx": (
        "TX_DATETIME", "TX_FRAUD", 1, ("TRANSACTION_ID", "TX_DATETIME", "CUSTOMER_ID",
        "TERMINAL_ID", "TX_TIME_SECONDS", "TX_TIME_DAYS", "TX_FRAUD_SCENARIO"), (1, 50),
    ),
    "bank_marketing_additional": ("row_order", "y", "yes", ("row_order", "duration"), (1, 5)),
}  # fmt: skip


def load(name: str) -> Stream:
    """A stream from the folder that HOLDFAST_DATA names."""
    order, target, positive, out, costs = SPECS[name]
    table = pq.read_table(Path(os.environ["HOLDFAST_DATA"]) / f"{name}.parquet")
    table = table.filter(pc.is_valid(table.column(target)))
    key = table.column(order)
    table = table.take(pc.array_sort_indices(key.combine_chunks()))
    if name == "fdh_card_tx":
        table = _with_history(table)
    if table.num_rows > MOST:
        step = np.linspace(0, table.num_rows - 1, MOST).astype(np.int64)
        table = table.take(pa.array(step))
    bad = np.array([str(v) == str(positive) for v in table.column(target).to_pylist()], np.float64)
    numbers, words = {}, {}
    for field in table.schema:
        if field.name in (target, *out):
            continue
        column = table.column(field.name)
        if pa.types.is_integer(field.type) or pa.types.is_floating(field.type):
            numbers[field.name] = column.cast(pa.float64()).to_numpy()
        else:
            words[field.name] = np.array(column.cast(pa.string()).to_pylist(), dtype=object)
    return Stream(name, numbers, words, bad, costs)


def _with_history(table: pa.Table) -> pa.Table:
    """Per terminal and per customer: fraud share a week ago and earlier, mean amount so far."""
    seconds = table.column("TX_TIME_SECONDS").to_numpy()
    fraud = table.column("TX_FRAUD").to_numpy().astype(float)
    amount = table.column("TX_AMOUNT").to_numpy()
    delay = 7 * 86_400
    risk, usual = np.zeros(len(fraud)), np.zeros(len(fraud))
    terminal = table.column("TERMINAL_ID").to_numpy()
    customer = table.column("CUSTOMER_ID").to_numpy()
    for rows in _groups(terminal):
        known = np.searchsorted(seconds[rows], seconds[rows] - delay)
        total = np.concatenate([[0.0], np.cumsum(fraud[rows])])
        last = np.searchsorted(seconds[rows], seconds[rows] - 5 * delay)
        risk[rows] = (total[known] - total[last]) / np.maximum(known - last, 1)
    for rows in _groups(customer):
        total = np.concatenate([[0.0], np.cumsum(amount[rows])])[:-1]
        usual[rows] = amount[rows] - total / np.maximum(np.arange(len(rows)), 1)
    table = table.append_column("terminal_risk", pa.array(risk))
    return table.append_column("above_usual", pa.array(usual))


def _groups(code: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
    order = np.argsort(code, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(code[order])) + 1)
