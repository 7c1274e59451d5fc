"""The order of the rows: a file that is sorted by outcome, or by a time nobody declared."""

from __future__ import annotations

import numpy as np

from holdfast.audit.case import Case
from holdfast.audit.order import (
    along,
    chance,
    lifted,
    shuffled_along,
    sorted_by_column,
    sorted_by_label,
    sorted_by_time,
    swing,
    tenths,
)
from holdfast.audit.record import LeakFinding, Verdict
from holdfast.audit.scoring import paired
from holdfast.findings import Severity

#: what a split along the file must cost, against a random one
_GAP = 0.02
#: or how far a tenth of the file is off the mean outcome (in means; for a number, in deviations)
_SWING = 0.25
#: chance of such a difference between the tenths of the file
_CHANCE = 1e-6


class RowOrder:
    """Row numbers that lift the score; labels that change along the file."""

    code = "HF-L-ORDER"
    type = "the order of the rows"
    asked_by: tuple[str, ...] = ()

    def needs(self, case: Case) -> str | None:
        """A target with two values or more, some rows, and no event time that explains it."""
        if case.task == "none":
            return "a target with two values"
        return None if case.n >= 50 else "50 rows"

    def run(self, case: Case) -> list[LeakFinding]:
        """One finding, where no event time explains the order."""
        if case.roles.event_time is not None or sorted_by_label(case):
            return []
        plain = case.honest
        by_tenth = tenths(case, np.arange(case.n))
        lift = lifted(case, case.rows.astype(np.float64), plain)
        if lift is not None:
            return [
                LeakFinding(
                    code=self.code,
                    severity=Severity.WARNING,
                    verdict=Verdict.SUSPECT,
                    sentence=f"the order of the rows tells the outcome: the row number lifts "
                    f"{case.metric} from {lift.without:.2f} to {lift.with_:.2f}",
                    evidence={"by_tenth": by_tenth},
                    worth=lift,
                    remedy="Find out how the file was sorted. If by time, declare event_time and "
                    "split by it; if by outcome, shuffle before anything is numbered or lagged.",
                )
            ]
        if chance(case) >= _CHANCE or sorted_by_column(case):
            return []
        forward, mixed = along(case.rows, 3), shuffled_along(case, 3)
        gap = paired(
            case.fixed_y,
            case.task,
            case.metric,
            case.score(plain, mixed),
            case.score(plain, forward),
        )
        if gap is None:
            return []
        costs = gap.gain >= _GAP and gap.low > 0.005
        if not costs and not (sorted_by_time(case) and swing(case, by_tenth) >= _SWING):
            return []
        return [
            LeakFinding(
                code=self.code,
                severity=Severity.WARNING,
                verdict=Verdict.SUSPECT,
                sentence="the outcome changes along the file, as if its rows were sorted by time "
                f"(tenths from {min(by_tenth):.3g} to {max(by_tenth):.3g}): a random split gives "
                f"{case.metric} {gap.with_:.3f}, predicting later rows from earlier ones "
                f"{gap.without:.3f}",
                evidence={"by_tenth": by_tenth},
                worth=gap,
                remedy="Declare event_time, and split by it: a random split lets the model see the "
                "future.",
            )
        ]
