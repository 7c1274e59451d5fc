"""The CV gap table as a record that can show itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.findings import Finding, Severity
from holdfast.records import Estimate
from holdfast.reports.result import Result

if TYPE_CHECKING:
    import pyarrow as pa

    from holdfast.reports.document import Block, Document


class CVRow(msgspec.Struct, frozen=True, kw_only=True):
    """One split.

    Attributes:
        split: ``random``, ``group``, ``forward`` or ``forward + group``.
        score: the score with its interval, or why there is none.
        gap: what random cross-validation claims beyond this score (positive: it flatters), paired;
            None for the random row itself.
        matters: the gap is above 2 standard errors and above 0.02 (losses: 2 % of the loss).
        do_not_quote: the random row, when a gap matters.
    """

    split: str
    score: Estimate
    gap: Estimate | None = None
    matters: bool = False
    do_not_quote: bool = False


class CVGap(Result, msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `cv_gap`.

    Attributes:
        target, task, metric: what was scored and by what.
        higher_is_better: direction of the metric.
        rows: rows with a target.
        tested: rows scored, the same for every split.
        trained: rows that each fit learned from.
        left_out: rows without a target.
        positives: positives among the rows scored, for a binary target.
        label_delay, event_time, groups: what the splits respect.
        table: one row a split.
        level: coverage of the intervals.
    """

    target: str
    task: str
    metric: str
    higher_is_better: bool
    rows: int
    tested: int
    trained: int
    left_out: int
    positives: int | None
    label_delay: str
    event_time: str | None
    groups: tuple[str, ...]
    table: tuple[CVRow, ...]
    level: float

    def row(self, split: str) -> CVRow:
        """The row of a split.

        Raises:
            KeyError: that split was not asked for.
        """
        for row in self.table:
            if row.split == split:
                return row
        raise KeyError(split)

    @property
    def quote(self) -> str | None:
        """The split whose score to quote: the strictest that was asked for and could be made."""
        last = self.table[-1]
        return last.split if last.score.value is not None else None

    @property
    def passed(self) -> bool | None:
        """False when random cross-validation flatters, None when a split could not be made."""
        if self.table[0].do_not_quote:
            return False
        return None if any(row.score.value is None for row in self.table) else True

    @property
    def findings(self) -> tuple[Finding, ...]:
        """That the random score must not be quoted, and splits that could not be made."""
        found: list[Finding] = []
        wide = [row for row in self.table if row.matters]
        if wide:
            worst = max(wide, key=lambda r: r.gap.value or 0.0 if r.gap else 0.0)
            found.append(self._flatters(worst))
        found += [
            Finding(
                code="HF-E322",
                severity=Severity.NOTE,
                sentence=f"The {row.split} split could not be scored: {row.score.why_not}.",
                remedy="Give more rows, groups or time.",
            )
            for row in self.table
            if row.score.value is None
        ]
        return tuple(found)

    def _flatters(self, worst: CVRow) -> Finding:
        random, gap = self.table[0].score, worst.gap
        told = worst.score
        assert gap is not None  # noqa: S101 - a row that matters has one
        word = self.metric.replace("_", " ")
        return Finding(
            code="HF-E321",
            severity=Severity.ERROR,
            sentence=f"Random cross-validation gives {word} {random.value:.3f}; {worst.split} "
            f"gives {told.value:.3f} ({told.low:.3f} to {told.high:.3f}) on the same rows. The gap "
            f"is {gap.value:.3f} ({gap.low:.3f} to {gap.high:.3f}): do not quote the random score.",
            columns=(*self.groups, *((self.event_time,) if self.event_time else ())),
            evidence={
                "metric": self.metric, "random": random.value, "split": worst.split,
                "score": told.value, "gap": gap.value, "gap_low": gap.low, "gap_high": gap.high,
                "tested": self.tested, "trained": self.trained,
            },
            remedy=f"Quote the score of the {self.quote or worst.split} split, choose models by "
            "it, and look for a column that gives the group or the time away.",
        )  # fmt: skip

    def blocks(self) -> tuple[Block, ...]:
        """Heading, verdict, findings and table, for a larger report."""
        from holdfast.reports.document import (
            Callout,
            Column,
            Findings,
            Format,
            Heading,
            Table,
            Tone,
        )

        title, tone = {
            True: ("Random cross-validation does not flatter, as far as tested.", Tone.GOOD),
            False: ("Random cross-validation flatters: do not quote it.", Tone.BAD),
            None: ("Could not tell for every split.", Tone.NEUTRAL),
        }[self.passed]
        good, plain = Tone.GOOD, Tone.NEUTRAL
        quoted = "" if self.quote is None else f"Quote the {self.quote} score."
        numbers = ("score", "low", "high", "gap", "gap low", "gap high")
        share = "" if self.positives is None else f", {self.positives:,} of them positive"
        blocks: list[Block] = [
            Heading(text="Cross-validation against the future and new groups"),
            Callout(title=title, text=quoted, tone=tone),
        ]
        if self.findings:
            blocks.append(Findings(findings=self.findings))
        blocks.append(
            Table(
                columns=(
                    Column(name="split"),
                    *(Column(name=name, format=Format.DECIMAL) for name in numbers),
                    Column(name="rows", format=Format.COUNT),
                    Column(name="note"),
                ),
                rows=tuple(
                    (
                        row.split, *_ends(row.score), *_ends(row.gap), row.score.n, self._note(row),
                    )
                    for row in self.table
                ),
                tones=tuple(
                    Tone.BAD if row.do_not_quote else good if row.split == self.quote else plain
                    for row in self.table
                ),
                caption=f"{self.metric.replace('_', ' ')} on the same {self.tested:,} rows"
                f"{share}; every fit learned from {self.trained:,} rows. Low and high are "
                f"{self.level:.0%} intervals; gap is what the random split claims beyond.",
            )
        )  # fmt: skip
        return tuple(blocks)

    def _note(self, row: CVRow) -> str:
        if row.score.value is None:
            return row.score.why_not
        if row.do_not_quote:
            return "do not quote"
        return "quote this" if row.split == self.quote else ""

    def document(self, name: str = "") -> Document:
        """The table as a report; `name` says of what."""
        from holdfast.reports.document import Document

        return Document(
            title=f"Cross-validation of {name}" if name else "Cross-validation",
            summary=f"{self.rows:,} rows, target {self.target}, {self.task}.",
            blocks=self.blocks(),
            passed=self.passed,
            data=self.to_dict(),
        )

    def to_dict(self) -> dict[str, Any]:
        """The record as plain data, with `passed`, the split to quote and the findings."""
        return {
            "passed": self.passed,
            "quote": self.quote,
            **msgspec.to_builtins(self),
            "findings": [finding.to_dict() for finding in self.findings],
        }

    def to_frame(self) -> pa.Table:
        """One row a split: split, value, low, high, gap, gap_low, gap_high, n, note."""
        import pyarrow as pa

        def ends(name: str, of: str) -> pa.Array:
            found = [row.score if of == "score" else row.gap for row in self.table]
            return pa.array([e and getattr(e, name) for e in found], pa.float64())

        return pa.table(
            {
                "split": [row.split for row in self.table],
                **{name: ends(name, "score") for name in ("value", "low", "high")},
                **{f"gap_{name}": ends(name, "gap") for name in ("value", "low", "high")},
                "n": [row.score.n for row in self.table],
                "note": [self._note(row) for row in self.table],
            }
        )


def _ends(e: Estimate | None) -> tuple[float | None, float | None, float | None]:
    """Value, low and high; None where there is none."""
    return (None, None, None) if e is None else (e.value, e.low, e.high)
