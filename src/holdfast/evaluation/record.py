"""What an evaluation found, as a record that can show itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.evaluation.costs import Costs
from holdfast.evaluation.metrics import Confusion
from holdfast.records import Estimate
from holdfast.reports.result import Result

if TYPE_CHECKING:
    import pyarrow as pa

    from holdfast.reports.document import Cell, Document, Table


class Baseline(msgspec.Struct, frozen=True):
    """What a rival reaches that gives every row the same answer.

    Attributes:
        accuracy: of always answering the majority class.
        expected_cost: of always making the cheaper of the two decisions.
        decision: that cheaper decision, ``negative`` or ``positive``.
        pr_auc: of random scores, the share of positives.
    """

    accuracy: float
    expected_cost: float
    decision: str
    pr_auc: float


class Evaluation(Result, msgspec.Struct, frozen=True, kw_only=True):
    """What a model's decisions were worth on one set of rows.

    Attributes:
        rows, positives: size of the sample.
        threshold: rows scoring at or above it are decided positive.
        threshold_from: ``costs`` (formula) or ``given``.
        costs: cost of each kind of decision.
        metrics: name → estimate with its interval.
        confusion: counts of decisions against truth.
        baseline: the rival that gives every row the same answer.
    """

    rows: int
    positives: int
    threshold: float
    threshold_from: str
    costs: Costs
    metrics: dict[str, Estimate]
    confusion: Confusion
    baseline: Baseline

    def value(self, metric: str) -> float:
        """The point estimate of a metric; NaN when it could not be supported."""
        value = self.metrics[metric].value
        return float("nan") if value is None else value

    @property
    def passed(self) -> bool | None:
        """Whether the model is better than one constant decision, by expected cost.

        None when the interval holds the baseline: could not tell.
        """
        cost = self.metrics["expected_cost"]
        if cost.high is not None and cost.high < self.baseline.expected_cost:
            return True
        if cost.low is not None and cost.low > self.baseline.expected_cost:
            return False
        return None

    def to_dict(self) -> dict[str, Any]:
        """The evaluation as plain data."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    def to_json(self) -> str:
        """The evaluation as JSON text."""
        return msgspec.json.encode(self).decode()

    def to_frame(self) -> pa.Table:
        """One row for each metric: metric, value, low, high, level, n, unit, method, why_not."""
        import pyarrow as pa

        names = ("value", "low", "high", "level", "n", "unit", "method", "why_not")
        return pa.table(
            {
                "metric": list(self.metrics),
                **{name: [getattr(e, name) for e in self.metrics.values()] for name in names},
            }
        )

    def document(self, name: str = "") -> Document:
        """The evaluation as a report; `name` says of what."""
        from holdfast.reports.document import Callout, Document, KeyValues, Tone

        words = {
            True: ("Better than one constant decision.", Tone.GOOD),
            False: ("Worse than one constant decision.", Tone.BAD),
            None: ("Cannot be told from one constant decision.", Tone.NEUTRAL),
        }
        sentence, tone = words[self.passed]
        base = self.baseline
        return Document(
            title=f"Evaluation of {name}" if name else "Evaluation",
            summary=f"{self.rows:,} rows, {self.positives:,} positive, threshold "
            f"{self.threshold:.4g} ({self.threshold_from}).",
            blocks=(
                Callout(
                    title=sentence,
                    text=f"Deciding {base.decision} every time would cost "
                    f"{base.expected_cost:.4g} a row and be right in {base.accuracy:.1%}.",
                    tone=tone,
                ),
                self.table(),
                KeyValues(
                    items=tuple(
                        (label.replace("_", " "), getattr(self.confusion, label))
                        for label in self.confusion.__struct_fields__
                    )
                ),
            ),
            passed=self.passed,
            data=self,
        )

    def table(self) -> Table:
        """Every metric with its interval, or why there is none, for a report."""
        from holdfast.reports.document import Column, Format, Table

        rows: list[tuple[Cell, ...]] = [
            (name.replace("_", " "), e.value, e.low, e.high, e.why_not or e.unit)
            for name, e in self.metrics.items()
        ]
        names = ("metric", "value", "low", "high", "unit")
        return Table(
            columns=tuple(
                Column(name=n, format=Format.DECIMAL if n in names[1:4] else Format.PLAIN)
                for n in names
            ),
            rows=tuple(rows),
            caption=f"{self.rows:,} rows; low and high are 95% intervals.",
        )
