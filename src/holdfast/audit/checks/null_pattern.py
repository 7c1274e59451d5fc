"""Null patterns that tell the label: a column that is filled, or empty, because of the outcome."""

from __future__ import annotations

import numpy as np

from holdfast.audit.case import Case
from holdfast.audit.certainty import unexplained
from holdfast.audit.columns import NULL, Kind
from holdfast.audit.peel import falls
from holdfast.audit.record import LeakFinding, Verdict
from holdfast.audit.scoring import paired
from holdfast.findings import Severity
from holdfast.reports.naming import names

#: what "is null" must tell alone
_ALONE = {"regression": 0.3}
_ALONE_CLASS = 0.65
#: what is suspect whatever the other columns say
_STRIKING = 0.88
#: columns tried against a model, the most telling first
_TRIED = 8


class NullPattern:
    """The lift of "is null" over the other columns, and parts that are pure beyond explanation."""

    code = "HF-L-NULL-PATTERN"
    type = "nulls that tell the outcome"
    asked_by: tuple[str, ...] = ()

    def needs(self, case: Case) -> str | None:
        """A target with two values or more, and a feature."""
        return None if case.task != "none" and case.features else "a target with two values"

    def run(self, case: Case) -> list[LeakFinding]:
        """Columns whose nulls tell more than honest columns do."""
        telling = {
            name: single.nulls
            for name, single in case.singles.items()
            if single.nulls is not None and case.coding(name).kind is not Kind.EMPTY
        }
        floor = _ALONE.get(case.task, _ALONE_CLASS)
        found: dict[str, LeakFinding] = {}
        strong = [name for name in telling if telling[name] >= floor]
        for name in sorted(strong, key=lambda n: -telling[n])[:_TRIED]:
            finding = self._lift(case, name)
            if finding is not None:
                found[name] = finding
                case.suspected.add(name)
        for name in telling:
            if name not in found:
                finding = self._certainty(case, name)
                if finding is not None:
                    found[name] = finding
                    case.suspected.add(name)
        return list(found.values())

    def _lift(self, case: Case, name: str) -> LeakFinding | None:
        """Whether "is null" alone lifts the score of the other columns as only leaks do."""
        missing = (case.codes(name)[case.rows] == NULL).astype(np.float32)
        rest = [f for f in case.honest if f != name]
        lift = paired(
            case.fixed_y, case.task, case.metric, case.score(rest, extra=missing), case.score(rest)
        )
        if lift is None:
            return None
        single = case.singles[name]
        striking = case.task != "regression" and (single.nulls or 0.0) >= _STRIKING
        if not striking and (lift.low <= 0.0 or not self._falls(case, lift.with_, lift.without)):
            return None
        return LeakFinding(
            code=self.code,
            severity=Severity.ERROR,
            verdict=Verdict.SUSPECT,
            columns=(name,),
            sentence=f"whether {names([name])} is null tells the outcome: {case.metric} "
            f"{single.nulls:.2f} alone, {lift.with_:.2f} against {lift.without:.2f} with the other "
            "columns",
            evidence={
                "null_share": round(single.null_share, 4),
                "nulls_alone": round(single.nulls or 0.0, 4),
                **_table(case, name),
            },
            remedy=_REMEDY,
        )

    def _falls(self, case: Case, with_: float, without: float) -> bool:
        if case.task != "regression":
            return falls(with_, without, case.task)
        return with_ - without >= 0.10 and with_ - without >= 0.2 * (1.0 - without)

    def _certainty(self, case: Case, name: str) -> LeakFinding | None:
        """Whether the null rows, or the filled ones, are of one class beyond explanation."""
        if case.task == "regression":
            return None
        missing = case.codes(name)[case.rows] == NULL
        for part, word in ((missing, "null"), (~missing, "filled")):
            evidence = unexplained(case, name, part)
            if evidence is None:
                continue
            return LeakFinding(
                code=self.code,
                severity=Severity.ERROR,
                verdict=Verdict.SUSPECT,
                columns=(name,),
                sentence=f"where {names([name])} is {word}, {evidence['of_class']} of "
                f"{evidence['rows']} rows have the same outcome; the other columns expect "
                f"{evidence['expected']:.0%}",
                evidence={"part": word, **evidence, **_table(case, name)},
                remedy=_REMEDY,
            )
        return None


_REMEDY = (
    "Ask who fills the column, and when. If the outcome decides whether it is filled, drop it; "
    "if it is left empty by design before the outcome, answer the suspect."
)


def _table(case: Case, name: str) -> dict[str, object]:
    """Rows by null and by class, over all rows; means for a number."""
    missing = case.codes(name) == NULL
    if case.task == "regression":
        return {
            "mean_where_null": float(case.y[missing].mean()),
            "mean_where_filled": float(case.y[~missing].mean()),
        }
    y = case.y.astype(np.intp)
    size = max(case.classes, 2)
    return {
        "rows_null_by_class": np.bincount(y[missing], minlength=size).tolist(),
        "rows_filled_by_class": np.bincount(y[~missing], minlength=size).tolist(),
    }
