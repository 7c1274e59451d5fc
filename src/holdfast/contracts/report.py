"""What a check found, as records: per column and rule, and as findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from holdfast.findings import Finding
from holdfast.reports.result import Result

if TYPE_CHECKING:
    import pyarrow as pa

    from holdfast.reports.document import Document


class RuleResult(msgspec.Struct, frozen=True, kw_only=True):
    """How one rule fared on a batch.

    Attributes:
        code: the rule's code, for example ``null``.
        fields: the fields it speaks of.
        rows: rows it applied to.
        marked: rows it marked.
        share: marked / rows; None without rows.
        allowed: share of marked rows the contract allows.
        tail: probability of so many marks or more if the true share were `allowed`.
        complains: True beyond chance, False within it, None when the rows are too few to tell.
        strict: whether one marked row is a violation of its own.
    """

    code: str
    fields: tuple[str, ...]
    rows: int
    marked: int
    share: float | None
    allowed: float
    tail: float
    complains: bool | None
    strict: bool


class ColumnResult(msgspec.Struct, frozen=True, kw_only=True):
    """How one column fared: is it there, and each of its rules."""

    name: str
    kind: str
    present: bool
    rules: tuple[RuleResult, ...] = ()


class CheckReport(Result, msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `Contract.check`.

    Attributes:
        passed: True when nothing complains, False when something does, None when there were too
            few rows to tell.
        rows: rows looked at.
        view: ``training`` or ``serving``.
        findings: what complains, in the order of the contract.
        columns: every column of the view with its rules.
        cross: the cross-field rules.
        error: chance that a clean batch raises any finding at all, shared over all rules.
    """

    passed: bool | None
    rows: int
    view: str
    findings: tuple[Finding, ...] = ()
    columns: tuple[ColumnResult, ...] = ()
    cross: tuple[RuleResult, ...] = ()
    error: float = 0.01

    def __repr__(self) -> str:
        word = {True: "passed", False: "did not pass", None: "could not tell"}[self.passed]
        lines = [f"CheckReport: {word}, {self.rows} rows, {len(self.findings)} finding(s)"]
        lines += [f"  {f.severity.value}: {f.sentence} [{f.code}]" for f in self.findings]
        return "\n".join(lines)

    def to_frame(self) -> pa.Table:
        """One row for each rule: code, fields, rows, marked, share, allowed, tail, complains."""
        import pyarrow as pa

        results = [rule for column in self.columns for rule in column.rules] + list(self.cross)
        names = ("code", "rows", "marked", "share", "allowed", "tail", "complains", "strict")
        return pa.table(
            {
                "fields": pa.array([list(r.fields) for r in results], pa.list_(pa.string())),
                **{name: [getattr(r, name) for r in results] for name in names},
            }
        )

    def document(self, name: str = "") -> Document:
        """The check as a report; `name` says of what."""
        from holdfast.reports.document import Callout, Document, Findings, Tone

        silent = tuple(
            f"{column.name}: {rule.code}"
            for column in self.columns
            for rule in column.rules
            if rule.complains is False
        )
        words = {
            True: ("The table keeps the contract.", Tone.GOOD),
            False: ("The table breaks the contract.", Tone.BAD),
            None: ("Too few rows to tell.", Tone.NEUTRAL),
        }
        sentence, tone = words[self.passed]
        return Document(
            title=f"Contract check of {name}" if name else "Contract check",
            summary=f"{self.rows:,} rows, {self.view} view, {len(self.findings)} findings.",
            blocks=(
                Callout(title=sentence, tone=tone),
                Findings(findings=self.findings, passed=silent),
            ),
            passed=self.passed,
            data=self.to_dict(),
        )
