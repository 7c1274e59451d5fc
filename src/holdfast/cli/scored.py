"""The document of a scored file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.findings import Finding, Severity
from holdfast.reports.document import Column, Document, Findings, Format, KeyValues, Table

if TYPE_CHECKING:
    from holdfast.app.batch import Batch


def document(batch: Batch) -> Document:
    """What happened to the rows: verdicts, decisions, and which marks the guard set."""
    unanswered = batch.verdicts.get("rejected", 0) + batch.verdicts.get("abstained", 0)
    degraded = batch.verdicts.get("degraded", 0)
    findings = []
    if unanswered:
        findings.append(
            Finding(
                code="HF-P-UNANSWERED",
                severity=Severity.ERROR,
                sentence=f"{unanswered:,} of {batch.rows:,} rows got no answer",
                columns=_guilty(batch),
                evidence=dict(batch.verdicts),
                remedy="mend the fields named below, or let a person decide these rows",
            )
        )
    if degraded:
        findings.append(
            Finding(
                code="HF-P-DEGRADED",
                severity=Severity.WARNING,
                sentence=f"{degraded:,} of {batch.rows:,} rows were answered without some field",
                columns=_guilty(batch),
                evidence=dict(batch.verdicts),
                remedy="find out which source stopped sending the fields named below",
            )
        )
    marks = tuple((field, code, count, count / batch.rows) for field, code, count in batch.marks)
    table = Table(
        columns=(
            Column(name="field"),
            Column(name="mark"),
            Column(name="rows", format=Format.COUNT),
            Column(name="share", format=Format.SHARE),
        ),
        rows=marks,
    )
    return Document(
        title=f"{batch.rows:,} rows scored by {batch.model} {batch.release[:12]}",
        summary=f"Answers in {batch.out}." if batch.out else "Answers were not written to a file.",
        blocks=(
            KeyValues(
                items=(
                    *((f"verdict {name}", count) for name, count in batch.verdicts.items()),
                    *((f"decision {name}", count) for name, count in batch.decisions.items()),
                    ("logged", batch.logged),
                )
            ),
            Findings(findings=tuple(findings)),
            *((table,) if marks else ()),
        ),
        data=batch,
    )


def _guilty(batch: Batch) -> tuple[str, ...]:
    return tuple(dict.fromkeys(field for field, code, _ in batch.marks if not code.startswith("~")))
