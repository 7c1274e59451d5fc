"""An evaluation as a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.reports.document import (
    Callout,
    Cell,
    Column,
    Document,
    Format,
    KeyValues,
    Table,
    Tone,
)

if TYPE_CHECKING:
    from holdfast.evaluation.decisions import Evaluation


def document(found: Evaluation, name: str = "") -> Document:
    """The evaluation as a report: better or worse than one constant decision, every metric."""
    words = {
        True: ("Better than one constant decision.", Tone.GOOD),
        False: ("Worse than one constant decision.", Tone.BAD),
        None: ("Cannot be told from one constant decision.", Tone.NEUTRAL),
    }
    sentence, tone = words[found.passed]
    base = found.baseline
    return Document(
        title=f"Evaluation of {name}" if name else "Evaluation",
        summary=f"{found.rows:,} rows, {found.positives:,} positive, threshold "
        f"{found.threshold:.4g} ({found.threshold_from}).",
        blocks=(
            Callout(
                title=sentence,
                text=f"Deciding {base.decision} every time would cost {base.expected_cost:.4g} a "
                f"row and be right in {base.accuracy:.1%}.",
                tone=tone,
            ),
            metrics_table(found),
            KeyValues(
                items=tuple(
                    (label.replace("_", " "), getattr(found.confusion, label))
                    for label in found.confusion.__struct_fields__
                )
            ),
        ),
        passed=found.passed,
        data=found,
    )


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
