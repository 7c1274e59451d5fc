"""The report of an evaluation: the verdict first, then the evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.evaluation.metrics import METRICS
from holdfast.reports.document import Column, Document, Format, Table

if TYPE_CHECKING:
    from holdfast.evaluation.record import Evaluation
    from holdfast.reports.document import Cell


def document(e: Evaluation, name: str = "") -> Document:
    """The evaluation as a report."""
    return Document(
        title=f"Evaluation of {name}" if name else "Evaluation",
        summary="",
        blocks=(metric_table(e),),
        passed=e.passed,
        data=e.to_dict(),
    )


def metric_table(e: Evaluation) -> Table:
    """Every metric with its interval, n and positives, or why there is none."""
    rows: list[tuple[Cell, ...]] = []
    for name, found in e.metrics.items():
        meaning = METRICS[name].meaning if name in METRICS else found.unit
        rows.append(
            (
                name.replace("_", " "), found.value, found.low, found.high, found.n,
                found.positives, found.why_not or meaning,
            )
        )  # fmt: skip
    kinds = (Format.PLAIN, *[Format.DECIMAL] * 3, *[Format.COUNT] * 2, Format.PLAIN)
    names = ("metric", "value", "low", "high", "rows", "positives", "what it is")
    return Table(
        columns=tuple(Column(name=n, format=k) for n, k in zip(names, kinds, strict=True)),
        rows=tuple(rows),
        caption=f"low and high are {e.level:.0%} intervals; independent {e.units}: "
        f"{e.unit_count or e.rows:,}.",
    )
