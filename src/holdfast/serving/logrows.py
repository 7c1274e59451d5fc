"""Answers as rows of the prediction log: lists for a few rows, Arrow for many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from holdfast.contracts.model import Outcome

if TYPE_CHECKING:
    from holdfast.contracts.model import Violation

TIME = pa.timestamp("us", tz="UTC")
#: outcomes as plain texts, which the log wants
PLAIN = {outcome: outcome.value for outcome in Outcome}

_TYPES: dict[str, pa.DataType] = {
    "id": pa.string(),
    "model": pa.string(),
    "release": pa.string(),
    "contract": pa.string(),
    "at": TIME,
    "received": TIME,
    "source": pa.string(),
    "score": pa.float64(),
    "decision": pa.string(),
    "verdict": pa.string(),
    "fallback": pa.string(),
    "marks": pa.list_(pa.string()),
    "propensity": pa.float64(),
}


def marks_of(violations: Sequence[Violation]) -> list[str]:
    """Marks as logged: ``field:code``, with ``~`` before mere notes.

    Example:
        >>> from holdfast.contracts.model import Policy, Violation
        >>> marks_of([Violation("Job", "null", Policy.FALLBACK), Violation("Income", "null",
        ...     Policy.ALLOW, note=True)])
        ['Job:null', '~Income:null']
    """
    return [f"{'~' if mark.note else ''}{mark.field}:{mark.code}" for mark in violations]


class Columns:
    """Columns of one write, filled request by request."""

    __slots__ = (
        "at",
        "contract",
        "decision",
        "explored",
        "fallback",
        "features",
        "id",
        "marks",
        "model",
        "propensity",
        "received",
        "release",
        "score",
        "source",
        "verdict",
    )

    def __init__(self) -> None:
        self.id: list[str] = []
        self.model: list[str] = []
        self.release: list[str | None] = []
        self.contract: list[str | None] = []
        self.at: list[int] = []
        self.received: list[int] = []
        self.source: list[str | None] = []
        self.score: list[float | None] = []
        self.decision: list[str | None] = []
        self.verdict: list[str | None] = []
        self.fallback: list[str | None] = []
        self.marks: list[list[str] | None] = []
        self.features: list[str | None] = []
        self.explored: list[bool] = []
        self.propensity: list[float] = []

    def lists(self) -> dict[str, list[Any]]:
        """The columns by name, as `EventLog.append_columns` takes them; without empty ones."""
        return {name: values for name in self.__slots__ if (values := getattr(self, name))}


def arrow_rows(columns: Mapping[str, Any]) -> pa.RecordBatch:
    """One record batch of lists and Arrow arrays, `row` among them.

    Example:
        >>> arrow_rows({"id": ["a"], "score": [0.5], "at": [0]}).schema.names
        ['id', 'score', 'at']
    """
    return pa.RecordBatch.from_arrays(
        [
            values if isinstance(values, pa.Array) else pa.array(values, _TYPES[name])
            for name, values in columns.items()
        ],
        names=list(columns),
    )
