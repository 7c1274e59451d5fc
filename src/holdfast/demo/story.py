"""What a story is: data, a model to train, the field that breaks, what filling it in means.

Two lenders tell the same story: a generated one (see `holdfast.demo.loans`), and a real one, whose
table the user brings along. The field breaks in one of two ways: it arrives NULL and the naive
stack fills it, or it was filled upstream, so that nobody sees a NULL.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from holdfast.demo import loans
from holdfast.errors import DataError
from holdfast.evaluation import Costs
from holdfast.models.base import Model
from holdfast.models.recipes import boosted_trees, logistic_regression

#: ``null``: the field arrives NULL. ``prefilled``: it arrives filled with the default
Fault = Literal["null", "prefilled"]
Fit = Callable[[pa.Table, Sequence[str]], Model]

TITLES: dict[Fault, str] = {
    "null": "A loan model loses the employment type",
    "prefilled": "A loan model is given a made-up employment type",
}
#: rows of the generated story that are replayed unless asked otherwise
GENERATED_REQUESTS = 3_000
#: shares of the replayed rows before, during and after the fault
PHASES = {"before": 0.25, "during": 0.5, "after": 0.25}

#: columns of the real table (credit scoring data of L. Belanche, as in R's modeldata package)
REAL_COLUMNS = {
    "Status", "Seniority", "Home", "Time", "Age", "Marital", "Records", "Job", "Expenses",
    "Income", "Assets", "Debt", "Amount", "Price",
}  # fmt: skip


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """One lender, one model, one fault.

    Attributes:
        title: of the report.
        origin: one sentence on where the data comes from, and whether it is generated.
        train: rows to learn from.
        replay: rows that arrive later, in order.
        target, positive: column to predict, and the label that is scored (the bad one).
        field: the field that breaks.
        default: what is filled in for it: by the naive stack, or (``prefilled``) upstream.
        fault: how it breaks.
        costs: of refusing a good applicant and of accepting a bad one.
        fit: trains a model from a table and the names of its inputs.
        event_time: column that says when, if there is one.
        ids: columns that name the row.
        requests: rows replayed unless asked otherwise.
        generated: whether the data is generated.
        answers: what a person says to the audit's questions: column → why it is no leak.
        seed: of the split and of the training.
    """

    title: str
    origin: str
    train: pa.Table
    replay: pa.Table
    target: str
    positive: str
    field: str
    default: str
    fault: Fault = "null"
    costs: Costs
    fit: Fit
    event_time: str | None = None
    ids: tuple[str, ...] = ()
    requests: int
    generated: bool
    answers: dict[str, str] = {}
    seed: int

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the model's inputs, in table order."""
        other = {self.target, self.event_time, *self.ids}
        return tuple(name for name in self.train.column_names if name not in other)

    def broken(self, row: dict[str, Any]) -> dict[str, Any]:
        """The row as it arrives during the fault."""
        return {**row, self.field: None if self.fault == "null" else self.default}

    def truth(self, table: pa.Table) -> npt.NDArray[np.bool_]:
        """True where the outcome was the positive (bad) one."""
        return np.array([value == self.positive for value in table[self.target].to_pylist()])

    def rows(self, table: pa.Table) -> list[dict[str, Any]]:
        """Rows as a client sends them: without the target, times as ISO text."""
        return [_plain(row) for row in table.drop_columns(self.target).to_pylist()]


def generated(seed: int = 0, fault: Fault = "null") -> Story:
    """The embedded story: the first half of the applications trains, the second half arrives."""
    table = loans.generate(seed).table
    half = table.num_rows // 2

    def fit(rows: pa.Table, features: Sequence[str]) -> Model:
        return boosted_trees(rows, features, "outcome", positive=loans.POSITIVE, seed=seed)

    return Story(
        title=TITLES[fault],
        origin=f"Generated data (seed {seed}): {table.num_rows:,} applications of known truth.",
        train=table.slice(0, half),
        replay=table.slice(half),
        target="outcome",
        positive=loans.POSITIVE,
        field="employment_type",
        default="none",
        fault=fault,
        costs=Costs(false_positive=200, false_negative=300),
        fit=fit,
        event_time="applied_at",
        ids=("application_id",),
        requests=GENERATED_REQUESTS,
        generated=True,
        answers={
            "employment_type": "the applicant states it before the decision",
        },
        seed=seed,
    )


def real(path: Path, seed: int = 0, fault: Fault = "null") -> Story:
    """The story on real loans: half the rows train, the rest arrive.

    Args:
        path: the credit scoring table, any format `frames.read` takes.
        seed: of the split.
        fault: how the field breaks.

    Raises:
        DataError: the table is another one.
    """
    from holdfast import frames

    table = frames.read(path).arrow()
    missing = REAL_COLUMNS - set(table.column_names)
    if missing:
        raise DataError(
            "this is not the table that the real story needs",
            expected=f"columns {', '.join(sorted(REAL_COLUMNS))}",
            got=f"without {', '.join(sorted(missing))}",
            remedy="the page on the demo says where to get it; `holdfast init` takes any table",
        )
    order = np.random.default_rng(seed).permutation(table.num_rows)
    half = table.num_rows // 2

    def fit(rows: pa.Table, features: Sequence[str]) -> Model:
        return logistic_regression(rows, features, "Status", positive="bad")

    return Story(
        title=TITLES[fault],
        origin=f"Real data: {table.num_rows:,} loans of {path.name} (split by seed {seed}).",
        train=table.take(pa.array(order[:half])),
        replay=table.take(pa.array(order[half:])),
        target="Status",
        positive="bad",
        field="Job",
        default="partime",
        fault=fault,
        costs=Costs(false_positive=1, false_negative=3),
        fit=fit,
        requests=table.num_rows - half,
        generated=False,
        seed=seed,
    )


def phases(requests: int) -> dict[str, range]:
    """The rows of each phase; the fault gets half of them.

    >>> phases(8)
    {'before': range(0, 2), 'during': range(2, 6), 'after': range(6, 8)}
    """
    before = max(1, round(requests * PHASES["before"]))
    during = max(1, round(requests * PHASES["during"]))
    return {
        "before": range(before),
        "during": range(before, before + during),
        "after": range(before + during, requests),
    }


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime.datetime) else value
        for name, value in row.items()
    }
