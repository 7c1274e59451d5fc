"""Columns that know the outcome: filled, or filled in otherwise, only after it happened."""

from __future__ import annotations

from holdfast.audit.case import Case
from holdfast.audit.record import LeakFinding, Verdict
from holdfast.audit.scoring import worth
from holdfast.audit.words import names
from holdfast.findings import Severity


class PostOutcome:
    """One column whose lift over all others is larger than honest columns have."""

    code = "HF-L-POST-OUTCOME"
    type = "columns known only after the outcome"
    asked_by: tuple[str, ...] = ()

    def needs(self, case: Case) -> str | None:
        """A target with two values or more, and a feature."""
        return None if case.task != "none" and case.features else "a target with two values"

    def run(self, case: Case) -> list[LeakFinding]:
        """The columns whose removal alone costs most of the score."""
        found = []
        for name in case.features:
            rest = [f for f in case.features if f != name]
            lift = worth(case, case.features, rest)
            if lift is not None and lift.low > 0.05 and lift.gain > 0.5 * (1.0 - lift.without):
                found.append(
                    LeakFinding(
                        code=self.code,
                        severity=Severity.ERROR,
                        verdict=Verdict.SUSPECT,
                        columns=(name,),
                        sentence=f"{names([name])} tells more than all other columns together",
                        remedy="Ask when this value becomes known.",
                    )
                )
        return found
