"""Columns that know the outcome: filled, or filled in otherwise, only after it happened."""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.audit.case import Case
from holdfast.audit.certainty import LEAST_ROWS, PURE, UNEXPLAINED, unexplained
from holdfast.audit.columns import CODES, NULL, Kind
from holdfast.audit.peel import cliff, falls, may_fall
from holdfast.audit.record import LeakFinding, Verdict
from holdfast.audit.scoring import paired, worth
from holdfast.findings import Severity
from holdfast.reports.naming import names

#: columns without which there is nothing to stand out from
_LEAST = 2
#: below so many a column must tell it nearly alone, and prose is what the model is for
_FEW = 5
#: leaks are looked for again without those found, so many times
_ROUNDS = 3
#: columns that are looked at one by one: the strongest alone, and those the model leans on
_CANDIDATES = 5
#: share of the error of all others that a column alone must do away with, to dominate them
_BEATS = 0.4
#: score of a class that such a column reaches, and how far its codes alone may fall short of it
_STRONG, _SLACK = 0.9, 0.05
#: what one value of a column must know over the others, in share of its rows
_SETTLED = 0.25
#: so many columns must be left beside a block for another column to stand out among them
_ENOUGH = 6


class PostOutcome:
    """Lift over the other columns, the cliff of the peel curve, and unexplained certainty."""

    code = "HF-L-POST-OUTCOME"
    type = "columns known only after the outcome"
    asked_by: tuple[str, ...] = ()

    def needs(self, case: Case) -> str | None:
        """A target with two values or more, and columns to compare with."""
        if case.task == "none":
            return "a target with two values"
        return None if len(case.honest) >= _LEAST else "two features, to hold one against the other"

    def run(self, case: Case) -> list[LeakFinding]:
        """The columns that tell more than honest columns do, twins together."""
        found: list[LeakFinding] = []
        for _ in range(_ROUNDS):
            block = tuple(self._cliff(case))
            groups = [block] if block else [(name,) for name in self._lifted(case)]
            groups = [group for group in groups if not clocklike(case, group)]
            if not groups or (found and len(case.honest) < _ENOUGH):
                break
            found += [self._finding(case, group) for group in groups]
            case.suspected.update(*groups)
        return found + [self._certainty(*told) for told in certain_categories(case)]

    def _certainty(self, name: str, evidence: dict[str, Any]) -> LeakFinding:
        return LeakFinding(
            code=self.code,
            severity=Severity.ERROR,
            verdict=Verdict.SUSPECT,
            columns=(name,),
            sentence=f"one value of {names([name])} settles the outcome: {evidence['of_class']} of "
            f"its {evidence['rows']} rows have the same one, the other columns expect "
            f"{evidence['expected']:.0%}",
            evidence=evidence,
            remedy="Ask whether the value is written because of the outcome; then drop the column, "
            "or leave such rows out.",
        )

    def _cliff(self, case: Case) -> list[str]:
        """The columns before the first cliff of the peel curve that tell it by themselves."""
        curve = case.peel(case.honest)
        rich = {n for n in curve.removed if _rich(case, n)}
        fall = cliff(curve, case.task, rich)
        if fall is None:
            return []
        gone = curve.removed[: fall.place]
        rest = [name for name in case.honest if name not in gone]
        block = []
        for name in gone:
            lift = worth(case, [*rest, name], rest)
            if lift is None or lift.low <= 0.0 or not _judged(case, name):
                continue
            if falls(lift.with_, lift.without, case.task, rich=name in rich):
                block.append(name)
        return block

    def _lifted(self, case: Case) -> list[str]:
        """Columns that no other replaces: the score without each alone."""
        features = case.honest
        gains = case.gains(features)
        leaned = sorted(features, key=lambda name: -gains[name])[:_CANDIDATES]
        strong = sorted(features, key=lambda name: -case.singles[name].alone)[:_CANDIDATES]
        full = case.by_class(case.score(features))
        found = []
        for name in dict.fromkeys([*leaned[:3], *strong[:3]]):
            rest = [f for f in features if f != name]
            if not _judged(case, name):
                continue
            if case.task != "multiclass" and not may_fall(case, full[0], rest, 0):
                if self._dominates(case, name, rest):
                    found.append(name)
                continue
            left = case.by_class(case.score(rest))
            rich = _rich(case, name)
            fallen = any(falls(a, b, case.task, rich=rich) for a, b in zip(full, left, strict=True))
            lift = worth(case, features, rest) if fallen else None
            if (
                lift is not None and lift.low > (0.02 if len(full) == 1 else 0.005)
            ) or self._dominates(case, name, rest):
                found.append(name)
        return found

    def _dominates(self, case: Case, name: str, rest: list[str]) -> bool:
        """Whether the column alone beats all others together, where little is left to gain."""
        told = case.singles[name].alone
        others_tell = max(case.singles[n].alone for n in rest)
        if case.task != "regression" and told < _STRONG - _SLACK:
            return False
        if told + _SLACK - others_tell < (_BEATS - _SLACK) * (1.0 - others_tell):
            return False
        alone, others = case.score([name]), case.score(rest)
        one, many = case.quality(alone), case.quality(others)
        if one - many < _BEATS * (1.0 - many) or (one < _STRONG and case.task != "regression"):
            return False
        gap = paired(case.fixed_y, case.task, case.metric, alone, others)
        return gap is not None and gap.low > 0.0

    def _finding(self, case: Case, group: tuple[str, ...]) -> LeakFinding:
        told = max(case.singles[name].alone for name in group)
        curve = case.peel(case.honest)
        verb = "tells" if len(group) == 1 else "tell"
        return LeakFinding(
            code=self.code,
            severity=Severity.ERROR,
            verdict=Verdict.SUSPECT,
            columns=group,
            sentence=f"{names(group)} {verb} the outcome far better than all other columns do",
            evidence={
                "alone": {name: round(case.singles[name].alone, 4) for name in group},
                "strongest_alone": round(told, 4),
                "peel_removed": list(curve.removed),
                "peel_scores": [round(score, 4) for score in curve.scores],
            },
            remedy="Ask when the value becomes known. After the outcome: drop the column. Before: "
            "declare known_at, or answer the suspect.",
        )


def _rich(case: Case, name: str) -> bool:
    """Whether a column has too many values to be read off a clock or a short list."""
    return case.coding(name).distinct > CODES


def _alone(case: Case) -> float:
    """What a column must tell alone: leaks of one column do, parts of an interaction do not.

    An honest column can be irreplaceable through what it changes about the others (the hour and
    the weekday); alone it then explains about half of a number at most.
    """
    few = len(case.honest) < _FEW
    if case.task == "regression":
        return 0.6 if few else 0.35
    return 0.9 if few else 0.6


def _judged(case: Case, name: str) -> bool:
    """Whether a column can be told from an honest one at all."""
    if len(case.honest) < _FEW and case.coding(name).kind is Kind.TEXT:
        return False
    return case.singles[name].alone >= _alone(case)


def certain_categories(case: Case) -> list[tuple[str, dict[str, Any]]]:
    """Columns one of whose values is always of one class though the others expect less."""
    if case.task not in {"binary", "multiclass"}:
        return []
    y = case.fixed_y.astype(np.intp)
    classes = max(case.classes, 2)
    share = np.bincount(y, minlength=classes) / len(y)
    found = []
    for name in case.honest:
        if case.coding(name).kind is not Kind.CATEGORY:
            continue
        codes = case.codes(name)[case.rows].astype(np.intp)
        counts = np.bincount(codes * classes + y, minlength=(NULL + 1) * classes)
        counts = counts.reshape(-1, classes)
        rows, top = counts.sum(1), counts.argmax(1)
        pure = (rows >= LEAST_ROWS) & (counts.max(1) >= PURE * rows)
        for code in np.flatnonzero(pure & (share[top] < PURE - UNEXPLAINED)):
            if code == NULL:
                continue
            evidence = unexplained(case, name, codes == code)
            if evidence is not None and evidence["of_class"] >= evidence["rows"] * (
                evidence["expected"] + _SETTLED
            ):
                found.append((name, evidence))
                break
    return found


def clocklike(case: Case, group: tuple[str, ...]) -> bool:
    """Whether every column is read off a clock of the table: an hour, a weekday, a month, a year.

    Such a column has few values, and within its hour of the day (weekday, month, year) of the
    event time, or of another time in the table, always the same one. It is known when the
    decision is made, whatever it tells.
    """
    declared = () if case.roles.event_time is None else (case.roles.event_time,)
    for time in dict.fromkeys((*declared, *case.features)):
        view = case.train.column(time)
        if time in group or view.storage.value != "time" or view.missing_count:
            continue
        micros = view.values
        hours = micros // 3_600_000_000
        months = micros.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)
        clocks = (hours % 24, (hours // 24 + 3) % 7, months % 12, months // 12)
        if all(
            any(_follows(case.codes(name).astype(np.int64), clock) for clock in clocks)
            for name in group
        ):
            return True
    return False


def _follows(codes: Any, clock: Any) -> bool:
    """Whether the codes are a function of the clock."""
    _, place = np.unique(clock, return_inverse=True)
    low = np.full(place.max() + 1, 1000)
    high = np.full(place.max() + 1, -1)
    np.minimum.at(low, place, codes)
    np.maximum.at(high, place, codes)
    return bool((low == high).all() and len(low) > 1)
