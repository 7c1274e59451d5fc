"""Too good to be true: a score no honest table of this kind has, and no single column to blame."""

from __future__ import annotations

from holdfast.audit.case import Case
from holdfast.audit.peel import HIGH
from holdfast.audit.record import LeakFinding, Verdict
from holdfast.audit.scoring import worth
from holdfast.findings import Severity
from holdfast.reports.naming import names

#: a score from here on is looked at ...
#: ... and suspected when the curve loses so much within its first removals
_COLLAPSE = 0.20
#: within this share of the columns
_SHARE = 0.3


class TooGood:
    """A high score that collapses when a few columns go; one that stays flat is an easy problem."""

    code = "HF-L-TOO-GOOD"
    type = "scores too good to be true"
    asked_by: tuple[str, ...] = ()

    def needs(self, case: Case) -> str | None:
        """A target with two values or more, and five features."""
        if case.task == "none":
            return "a target with two values"
        return None if len(case.honest) >= 5 else "five features"

    def run(self, case: Case) -> list[LeakFinding]:
        """One finding about the columns whose removal makes the score collapse."""
        curve = case.peel(case.honest)
        if curve.scores[0] < HIGH:
            return []
        place = next(
            (i for i, s in enumerate(curve.scores) if curve.scores[0] - s >= _COLLAPSE), None
        )
        if place is None or place > max(2, _SHARE * len(case.honest)):
            return []
        columns = curve.removed[:place]
        rest = [name for name in case.honest if name not in columns]
        return [
            LeakFinding(
                code=self.code,
                severity=Severity.ERROR,
                verdict=Verdict.SUSPECT,
                columns=columns,
                sentence=f"{case.metric} {curve.scores[0]:.3f} is too good to be true: without "
                f"{names(columns)} it falls to {curve.scores[place]:.2f}",
                evidence={
                    "peel_removed": list(curve.removed),
                    "peel_scores": [round(score, 4) for score in curve.scores],
                },
                worth=worth(case, case.honest, rest),
                remedy="Ask of each of these columns when its value becomes known.",
            )
        ]
