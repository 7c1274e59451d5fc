"""Metrics as a table, the same wherever an evaluation is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.reports.document import Cell, Column, Format, Table

if TYPE_CHECKING:
    from holdfast.evaluation import Evaluation


def metrics_table(found: Evaluation) -> Table:
    """Every metric with its interval, or why there is none."""
    rows: list[tuple[Cell, ...]] = [
        (name.replace("_", " "), e.value, e.low, e.high, e.why_not or e.unit)
        for name, e in found.metrics.items()
    ]
    names = ("metric", "value", "low", "high", "unit")
    return Table(
        columns=tuple(
            Column(name=n, format=Format.DECIMAL if n in names[1:4] else Format.PLAIN)
            for n in names
        ),
        rows=tuple(rows),
        caption=f"{found.rows:,} rows; low and high are 95% intervals.",
    )
