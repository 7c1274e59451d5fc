"""The CV gap table and the backtest in one report."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdfast.evaluation.backtest_record import Backtest
    from holdfast.evaluation.cv_gap_record import CVGap
    from holdfast.reports.document import Document


def both(gap: CVGap, found: Backtest, name: str) -> Document:
    """One document; passed only when both pass, failed when one fails.

    Its data: ``{"passed", "findings", "cv_gap", "backtest"}``.
    """
    from holdfast.reports.document import Document

    verdicts = (gap.passed, found.passed)
    passed = False if False in verdicts else None if None in verdicts else True
    quoted, score = gap.quote, found.overall
    said = f"{found.rows:,} rows, target {found.target}, {found.task}."
    if quoted is not None:
        row = gap.row(quoted).score
        word = gap.metric.replace("_", " ")
        said += f" Expect {word} {row.value:.3f} ({row.low:.3f} to {row.high:.3f})"
        random = gap.row("random")
        said += f", not {random.score.value:.3f}." if random.do_not_quote else "."
    elif score.value is not None:
        said += f" Expect {score.value:.3f} ({score.low:.3f} to {score.high:.3f})."
    findings = [f.to_dict() for f in (*gap.findings, *found.findings)]
    return Document(
        title=f"Backtest of {name}" if name else "Backtest",
        summary=said,
        blocks=(*gap.blocks(), *found.blocks()),
        passed=passed,
        data={
            "passed": passed, "findings": findings, "cv_gap": gap.to_dict(),
            "backtest": found.to_dict(),
        },
    )  # fmt: skip
