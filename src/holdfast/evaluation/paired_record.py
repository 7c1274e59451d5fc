"""What a comparison of two models found, as a record that can show itself."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.findings import Finding, Severity
from holdfast.records import Estimate
from holdfast.reports.result import Result

if TYPE_CHECKING:
    import pyarrow as pa

    from holdfast.reports.document import Block, Document


class ModelComparison(Result, msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `compare_models`.

    Attributes:
        metric: what was compared.
        higher_is_better: its direction.
        test: literature name of the test.
        names: how the two are called.
        first, second: their values; None where there is none (one class only).
        difference: second less first, with its interval.
        p: two-sided p-value of no difference; None where it could not be told.
        better: ``first``, ``second``, or None: no evidence of a difference.
        rows: rows compared.
    """

    metric: str
    higher_is_better: bool
    test: str
    names: tuple[str, str]
    first: float | None
    second: float | None
    difference: Estimate
    p: float | None
    better: str | None
    rows: int

    @property
    def passed(self) -> bool | None:
        """True when the second is better, False when the first is, None without evidence."""
        return None if self.better is None else self.better == "second"

    @property
    def verdict(self) -> str:
        """The answer in one sentence."""
        word = self.metric.replace("_", " ")
        d = self.difference
        if d.value is None or d.low is None or d.high is None:
            return f"Could not tell by {word}: {d.why_not}."
        chance = "p < 0.0001" if (self.p or 0.0) < 1e-4 else f"p {self.p:.2g}"
        told = f"{d.value:+.4g} ({d.low:+.4g} to {d.high:+.4g}, {chance})"
        if self.better is None:
            return f"No evidence of a gain: {word} differs by {told}."
        winner = self.names[0] if self.better == "first" else self.names[1]
        return (
            f"{winner[:1].upper()}{winner[1:]} is better: {word} of {self.names[1]} less "
            f"{self.names[0]} is {told}."
        )

    @property
    def findings(self) -> tuple[Finding, ...]:
        """A note where there is no evidence, a warning where the second is worse."""
        if self.better == "second":
            return ()
        return (
            Finding(
                code="HF-E332" if self.better == "first" else "HF-E331",
                severity=Severity.WARNING if self.better == "first" else Severity.NOTE,
                sentence=self.verdict,
                evidence={
                    "metric": self.metric, "first": self.first, "second": self.second,
                    "difference": self.difference.value, "low": self.difference.low,
                    "high": self.difference.high, "p": self.p, "rows": self.rows,
                },
                remedy="Keep the one in use." if self.better == "first" else
                "Keep the one in use, or collect more labels; a confidence sequence may be "
                "watched while they come.",
            ),
        )  # fmt: skip

    def blocks(self) -> tuple[Block, ...]:
        """Heading, verdict and table, for a larger report."""
        from holdfast.reports.document import (
            Callout,
            Column,
            Findings,
            Format,
            Heading,
            Table,
            Tone,
        )

        tone = {True: Tone.GOOD, False: Tone.BAD, None: Tone.NEUTRAL}[self.passed]
        d = self.difference
        numbers = ("first", "second", "difference", "low", "high", "p")
        heads = (self.names[0], self.names[1], *numbers[2:])
        blocks: tuple[Block, ...] = (
            Heading(text="Two models on the same rows"),
            Callout(title=self.verdict, tone=tone),
            Table(
                columns=(
                    Column(name="metric"),
                    *(Column(name=head, format=Format.DECIMAL) for head in heads),
                    Column(name="rows", format=Format.COUNT),
                    Column(name="test"),
                ),
                rows=(
                    (
                        self.metric.replace("_", " "), self.first, self.second, d.value, d.low,
                        d.high, self.p, self.rows, self.test,
                    ),
                ),
                caption=f"Difference is second less first; low and high are its {d.level:.0%} "
                "interval.",
            ),
        )  # fmt: skip
        return (*blocks, Findings(findings=self.findings)) if self.findings else blocks

    def document(self, name: str = "") -> Document:
        """The comparison as a report; `name` says of what."""
        from holdfast.reports.document import Document

        return Document(
            title=f"Comparison of models: {name}" if name else "Comparison of models",
            summary=self.verdict,
            blocks=self.blocks()[1:],  # the title is its heading
            passed=self.passed,
            data=self.to_dict(),
        )

    def to_dict(self) -> dict[str, Any]:
        """The record as plain data, with `passed`, the verdict and the findings."""
        return {
            "passed": self.passed,
            "verdict": self.verdict,
            **msgspec.to_builtins(self),
            "findings": [finding.to_dict() for finding in self.findings],
        }

    def to_frame(self) -> pa.Table:
        """One row: metric, test, first, second, difference, low, high, p, better, rows."""
        import pyarrow as pa

        d = self.difference
        return pa.table(
            {
                "metric": [self.metric], "test": [self.test],
                "first": pa.array([self.first], pa.float64()),
                "second": pa.array([self.second], pa.float64()),
                "difference": pa.array([d.value], pa.float64()),
                "low": pa.array([d.low], pa.float64()), "high": pa.array([d.high], pa.float64()),
                "p": pa.array([self.p], pa.float64()),
                "better": pa.array([self.better], pa.string()), "rows": [self.rows],
            }
        )  # fmt: skip


def compared(
    found: tuple[str, float, float, Estimate, float],
    *,
    metric: str,
    higher: bool,
    names: tuple[str, str],
    level: float,
    rows: int,
) -> ModelComparison:
    """The record of a test: a winner only where interval and p-value agree."""
    test, first, second, difference, p = found
    better = None
    low, high = difference.low, difference.high
    if low is not None and high is not None and p <= 1.0 - level and not low <= 0.0 <= high:
        better = "second" if (low > 0.0) == higher else "first"
    return ModelComparison(
        metric=metric, higher_is_better=higher, test=test, names=names, first=_known(first),
        second=_known(second), difference=difference, p=_known(p), better=better, rows=rows,
    )  # fmt: skip


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
