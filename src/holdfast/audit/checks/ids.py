"""Ids that tell the outcome: they name the row and carry nothing about the case."""

from __future__ import annotations

import numpy as np

from holdfast.audit.case import Case
from holdfast.audit.columns import Floats, Kind
from holdfast.audit.order import lifted, tenths
from holdfast.audit.record import LeakFinding, Verdict
from holdfast.findings import Severity
from holdfast.reports.naming import names


class Ids:
    """Features that name the row and whose rank lifts the score; a declared id is no feature."""

    code = "HF-L-ID"
    type = "ids that tell the outcome"
    asked_by: tuple[str, ...] = ()

    def needs(self, case: Case) -> str | None:
        """A target with two values or more, and some rows."""
        if case.task == "none":
            return "a target with two values"
        return None if case.n >= 50 else "50 rows"

    def run(self, case: Case) -> list[LeakFinding]:
        """One finding an id whose order tells the outcome."""
        found = []
        ids = [name for name in case.honest if _is_id(case, name)]
        plain = [name for name in case.honest if name not in ids]
        for name in ids:
            finding = self._id(case, name, plain)
            if finding is not None:
                found.append(finding)
        return found

    def _id(self, case: Case, name: str, plain: list[str]) -> LeakFinding | None:
        rank = _rank(case, name)[case.rows]
        lift = lifted(case, rank, plain)
        if lift is None:
            return None
        return LeakFinding(
            code=self.code,
            severity=Severity.ERROR,
            verdict=Verdict.SUSPECT,
            columns=(name,),
            sentence=f"the id {names([name])} tells the outcome: its rank lifts {case.metric} from "
            f"{lift.without:.2f} to {lift.with_:.2f}",
            evidence={"by_tenth": tenths(case, np.argsort(_rank(case, name), kind="stable"))},
            worth=lift,
            remedy="Never give an id to a model. Find out what was numbered by outcome: two "
            "sources joined one after the other, or a table sorted before it was numbered.",
        )


def _is_id(case: Case, name: str) -> bool:
    """Whether a column names the row: nearly every value once; whole numbers or text."""
    coding = case.coding(name)
    view = case.column(name)
    if coding.kind is Kind.CATEGORY:
        return view.present_count >= 50 and coding.distinct >= 0.95 * view.present_count
    if coding.kind is not Kind.NUMBER or view.storage.value != "int":
        return False
    if view.missing_count or len(np.unique(view.values)) < 0.98 * len(view):
        return False
    values = view.values.astype(np.float64)
    width = float(values.max() - values.min())
    steps = np.diff(values)
    return bool((steps > 0).all() or (steps < 0).all() or width <= 1.2 * len(values))


def _rank(case: Case, name: str) -> Floats:
    """Rank of every row's id: numbers by size, texts by length and alphabet; nulls first."""
    view = case.column(name)
    if view.storage.value != "text":
        values = view.values.astype(np.float64)
        if view.missing is not None:
            values = np.where(view.missing, -np.inf, values)
        return np.unique(values, return_inverse=True)[1].astype(np.float64)
    texts = view.dictionary.to_pylist()
    order = sorted(range(len(texts)), key=lambda i: (len(texts[i]), texts[i]))
    place = np.full(len(texts) + 1, -1.0)
    place[order] = np.arange(len(order))
    return np.asarray(place[view.codes])
