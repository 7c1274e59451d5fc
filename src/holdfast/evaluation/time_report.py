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
    from holdfast.reports.document import Callout, Document, Tone

    verdicts = (gap.passed, found.passed)
    passed = False if False in verdicts else None if None in verdicts else True
    tone = {True: Tone.GOOD, False: Tone.BAD, None: Tone.NEUTRAL}[passed]
    quoted, score = gap.quote, found.overall
    said = ""
    if quoted is not None:
        row = gap.row(quoted).score
        word = gap.metric.replace("_", " ")
        said = f"Expect {word} {row.value:.3f} ({row.low:.3f} to {row.high:.3f})"
        random = gap.row("random")
        said += f", not {random.score.value:.3f}." if random.do_not_quote else "."
    elif score.value is not None:
        word = found.metric.replace("_", " ")
        said = f"Expect {word} {score.value:.3f} ({score.low:.3f} to {score.high:.3f})."
    findings = [f.to_dict() for f in (*gap.findings, *found.findings)]
    return Document(
        title=f"Backtest of {name}" if name else "Backtest",
        summary=f"{found.rows:,} rows, target {found.target}, {found.task}.",
        blocks=(
            Callout(title=_verdict(gap, found, passed), text=said, tone=tone),
            *gap.blocks(),
            *found.blocks(),
        ),
        passed=passed,
        data={
            "passed": passed, "findings": findings, "cv_gap": gap.to_dict(),
            "backtest": found.to_dict(),
        },
    )  # fmt: skip


def _verdict(gap: CVGap, found: Backtest, passed: bool | None) -> str:
    """The answer of both in one sentence."""
    if passed:
        return "The score holds on the future, as far as tested."
    if passed is None:
        return "Could not tell whether the score holds on the future."
    reasons = []
    if gap.passed is False:
        reasons.append("random cross-validation flatters")
    if found.passed is False:
        reasons.append("the score falls as time goes by")
    told = " and ".join(reasons)
    return f"{told[0].upper()}{told[1:]}."
