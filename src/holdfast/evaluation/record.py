"""What an evaluation found, as a record that can show itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.evaluation.baselines import Baseline, Rival
from holdfast.evaluation.calibration import Calibration
from holdfast.evaluation.costs import Costs
from holdfast.evaluation.curves import Curves
from holdfast.evaluation.metrics.sample import Confusion
from holdfast.evaluation.requirements import Checked
from holdfast.evaluation.selective import Bounds
from holdfast.evaluation.threshold import Thresholds
from holdfast.findings import Finding, Severity
from holdfast.records import Estimate
from holdfast.reports.document import Block
from holdfast.reports.result import Result

if TYPE_CHECKING:
    import pyarrow as pa

    from holdfast.reports.document import Document, Table

__all__ = ["Baseline", "Evaluation"]


class Evaluation(Result, msgspec.Struct, frozen=True, kw_only=True):
    """What a model's decisions were worth on one set of rows.

    Attributes:
        rows, positives: size of the sample (rows with a known outcome).
        threshold: rows scoring at or above it are decided positive; the median where every row
            has its own.
        threshold_from: ``costs`` (formula), ``costs by row``, ``capacity``, ``data`` or ``given``.
        costs: cost of each kind of decision; by-row costs as their means.
        metrics: name → estimate with its interval.
        confusion: counts of decisions against truth.
        baseline: the rival that gives every row the same answer.
        baselines: name → rival with the paired gain over it.
        thresholds: the threshold by formula, by data and under the capacity.
        calibration: whether the scores are probabilities.
        curves: points of the charts.
        findings: what a person should know.
        requirements: what was required, and whether it holds.
        bounds: best and worst case over rows whose outcome is not known.
        capacity: rows that can be looked at among these; None where nothing limits them.
        units: what the intervals take as independent: ``rows``, ``entities`` or ``blocks``.
        unit_count: how many of them.
        task: ``binary``.
        level: coverage of the intervals.
        extra: further blocks of the report, such as slices or a backtest.
    """

    rows: int
    positives: int
    threshold: float
    threshold_from: str
    costs: Costs
    metrics: dict[str, Estimate]
    confusion: Confusion
    baseline: Baseline
    baselines: dict[str, Rival] = {}
    thresholds: Thresholds | None = None
    calibration: Calibration | None = None
    curves: Curves | None = None
    findings: tuple[Finding, ...] = ()
    requirements: tuple[Checked, ...] = ()
    bounds: Bounds | None = None
    capacity: float | None = None
    units: str = "rows"
    unit_count: int = 0
    task: str = "binary"
    level: float = 0.95
    extra: tuple[Block, ...] = ()

    def value(self, metric: str) -> float:
        """The point estimate of a metric; NaN when it could not be supported."""
        value = self.metrics[metric].value
        return float("nan") if value is None else value

    @property
    def passed(self) -> bool | None:
        """Whether the model may be used, as far as these rows tell.

        False when it is worse than a baseline, its accuracy is vanity, or a requirement failed;
        None when its cost cannot be told from that of one constant decision, or a requirement
        cannot be supported; else True.
        """
        if any(f.severity.rank >= Severity.ERROR.rank for f in self.findings):
            return False
        better = self._better_than_constant()
        if better is False:
            return False
        if better is None or any(c.passed is None for c in self.requirements):
            return None
        return True

    def _better_than_constant(self) -> bool | None:
        prior = self.baselines.get("prior")
        cost = self.metrics.get("expected_cost")
        if prior is not None:
            low, high = prior.gain.low, prior.gain.high
        elif cost is not None and cost.low is not None and cost.high is not None:
            low, high = (self.baseline.expected_cost - x for x in (cost.high, cost.low))
        else:
            return None
        if low is not None and low > 0.0:
            return True
        return False if high is not None and high < 0.0 else None

    def with_parts(
        self, *, findings: tuple[Finding, ...] = (), blocks: tuple[Block, ...] = ()
    ) -> Evaluation:
        """The evaluation with further findings and report blocks, such as those of slices."""
        return msgspec.structs.replace(
            self, findings=(*self.findings, *findings), extra=(*self.extra, *blocks)
        )

    def to_dict(self) -> dict[str, Any]:
        """The evaluation as plain data.

        ``passed``, ``metrics``, ``threshold`` (its value and the other choices), ``baselines``
        and ``findings`` are always there.
        """
        plain: dict[str, Any] = msgspec.to_builtins(self)
        for name in ("threshold", "threshold_from", "thresholds", "findings", "extra"):
            plain.pop(name, None)
        choices = {} if self.thresholds is None else msgspec.to_builtins(self.thresholds)
        return {
            "passed": self.passed,
            "task": plain.pop("task"),
            "metrics": plain.pop("metrics"),
            "threshold": {"value": self.threshold, "from": self.threshold_from, **choices},
            "baselines": plain.pop("baselines"),
            "findings": [finding.to_dict() for finding in self.findings],
            **plain,
        }

    def to_frame(self) -> pa.Table:
        """One row a metric: value, low, high, level, n, positives, unit, method, why_not."""
        import pyarrow as pa

        names = ("value", "low", "high", "level", "n", "positives", "unit", "method", "why_not")
        return pa.table(
            {
                "metric": list(self.metrics),
                **{name: [getattr(e, name) for e in self.metrics.values()] for name in names},
            }
        )

    def document(self, name: str = "") -> Document:
        """The evaluation as a report; `name` says of what."""
        from holdfast.evaluation.report import document

        return document(self, name)

    def table(self) -> Table:
        """Every metric with its interval, or why there is none, for a report."""
        from holdfast.evaluation.report import metric_table

        return metric_table(self)
