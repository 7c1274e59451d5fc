"""Columns that tell the outcome only together: two by an interaction, several by a sum."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from holdfast.audit.case import Case
from holdfast.audit.columns import NULL, Kind
from holdfast.audit.record import LeakFinding, Verdict
from holdfast.audit.scoring import paired
from holdfast.audit.screen import Counts
from holdfast.findings import Severity
from holdfast.reports.naming import names

#: codes of each column in the table of two
_COARSE = 9
#: columns that are paired: all, or the most varied of very many
_MOST_COLUMNS = 80
#: what two columns must tell together, and over the better of both alone
_TOGETHER, _OVER = {"regression": 0.3}, {"regression": 0.25}
_TOGETHER_CLASS, _OVER_CLASS = 0.70, 0.10
#: so much together from so little apart is striking, whatever the other columns know
_STRIKING, _STRIKING_CLASS = {"regression": (0.4, 0.05)}, (0.85, 0.65)
#: pairs tried against a model
_TRIED = 3


class Joint:
    """Pairs that tell what neither tells alone; sums that give the target exactly."""

    code = "HF-L-JOINT"
    type = "columns that tell the outcome only together"
    asked_by: tuple[str, ...] = ()

    def needs(self, case: Case) -> str | None:
        """A target with two values or more, and two features."""
        if case.task == "none":
            return "a target with two values"
        return None if len(case.features) > 1 else "two features"

    def run(self, case: Case) -> list[LeakFinding]:
        """Exact sums for a number, and interactions."""
        if case.task == "regression":
            exact = self._sum(case)
            if exact is not None:
                return [exact]
        return self._pairs(case)

    def _sum(self, case: Case) -> LeakFinding | None:
        """Numeric columns whose weighted sum is the target in every row."""
        numeric = [
            name
            for name in case.honest
            if case.coding(name).kind is Kind.NUMBER
            and not case.column(name).missing_count
            and case.column(name).storage.value in {"int", "float"}
        ]
        if len(numeric) < 2:
            return None
        y = case.fixed_y
        x = np.stack([case.column(n).values[case.rows].astype(np.float64) for n in numeric], axis=1)
        keep = np.isfinite(x).all(axis=1)
        if keep.sum() < 4 * len(numeric) + 20:
            return None
        weights = _exact(x[keep], y[keep])
        if weights is None:
            return None
        used = [(name, w) for name, w in zip(numeric, weights, strict=True) if w != 0.0]
        if len(used) < 2:
            return None
        columns = tuple(name for name, _ in used)
        formula = " + ".join(names([n]) if w == 1.0 else f"{w:g} × {names([n])}" for n, w in used)
        return LeakFinding(
            code=self.code,
            severity=Severity.ERROR,
            verdict=Verdict.SUSPECT,
            columns=columns,
            sentence=f"the target is a sum of columns in every row looked at: {formula}",
            evidence={
                "rows": int(keep.sum()),
                "weights": dict(used),
                "alone": {n: round(case.singles[n].alone, 4) for n in columns},
            },
            remedy="The parts are known only with the whole: drop all of them, not one.",
        )

    def _pairs(self, case: Case) -> list[LeakFinding]:
        columns = [f for f in case.honest if case.coding(f).kind in {Kind.NUMBER, Kind.CATEGORY}]
        if len(columns) > _MOST_COLUMNS:
            columns = sorted(columns, key=lambda n: -case.coding(n).distinct)[:_MOST_COLUMNS]
        counts = Counts(case, case.rows)
        coarse = {name: _coarse(case, name) for name in columns}
        alone = {n: counts.score(counts.table(coarse[n], _COARSE), best=True) for n in columns}
        together_least = _TOGETHER.get(case.task, _TOGETHER_CLASS)
        over_least = _OVER.get(case.task, _OVER_CLASS)
        limit = together_least - over_least
        quiet = [n for n in columns if max(alone[n], case.singles[n].alone) < limit]
        scored = []
        for a, b in combinations(quiet, 2):
            best, how = 0.0, ""
            table = counts.table(coarse[a].astype(np.int32) * _COARSE + coarse[b], _COARSE**2)
            together = counts.score(table, best=True)
            if together > best:
                best, how = together, "values"
            if _comparable(case, a, b):
                gaps = counts.table(_difference(case, a, b), NULL + 1)
                found = counts.score(gaps, best=True)
                if found > best:
                    best, how = found, "difference"
            single = max(alone[a], alone[b], case.singles[a].alone, case.singles[b].alone)
            if best >= together_least and best - single >= over_least:
                scored.append((best, single, how, a, b))
        scored.sort(key=lambda s: -s[0])
        found_pairs: list[LeakFinding] = []
        held: set[str] = set()
        for together, single, how, a, b in scored[:_TRIED]:
            if {a, b} & held:
                continue
            finding = self._pair(case, together, single, how, a, b, coarse)
            if finding is not None:
                found_pairs.append(finding)
                held |= {a, b}
        return found_pairs

    def _pair(
        self, case: Case, together: float, single: float, how: str, a: str, b: str, coarse: Any
    ) -> LeakFinding | None:
        rest = [f for f in case.honest if f not in {a, b}]
        if how == "difference":
            extra = _difference(case, a, b).astype(np.float32)
        else:
            extra = (coarse[a].astype(np.int32) * _COARSE + coarse[b]).astype(np.float32)
        lift = paired(
            case.fixed_y, case.task, case.metric,
            case.score([*rest, a, b], extra=extra), case.score(rest),
        )  # fmt: skip
        if lift is None:
            return None
        # So much together from so little apart needs no further proof of its worth.
        high, low = _STRIKING.get(case.task, _STRIKING_CLASS)
        striking = together >= high and single <= low
        least = 0.05 if case.task == "regression" else 0.04
        if not striking and (lift.low <= 0.01 or lift.gain < least):
            return None
        return LeakFinding(
            code=self.code,
            severity=Severity.WARNING,
            verdict=Verdict.SUSPECT,
            columns=(a, b),
            sentence=f"{names([a, b])} tell the outcome only together, by their {how}: "
            f"{case.metric} {together:.2f}, {single:.2f} for the better one alone",
            evidence={"together": round(together, 4), "better_alone": round(single, 4), "by": how},
            worth=lift,
            remedy="Ask what the two say together: a difference of two dates or amounts is often "
            "known only after the outcome.",
        )


def _coarse(case: Case, name: str) -> Any:
    """Codes of the fixed rows put into eight groups of like size, and null."""
    codes = case.codes(name)[case.rows].astype(np.int64)
    counts = np.bincount(codes, minlength=NULL + 1)[:NULL]
    if case.coding(name).kind is Kind.NUMBER:
        total = max(int(counts.sum()), 1)
        middle = np.cumsum(counts) - counts / 2.0
        groups = np.minimum((middle * (_COARSE - 1) / total).astype(np.int64), _COARSE - 2)
        few = np.flatnonzero(counts)
        if len(few) <= _COARSE - 1:
            groups = np.zeros(NULL, dtype=np.int64)
            groups[few] = np.arange(len(few))
    else:
        groups = np.minimum(np.arange(NULL), _COARSE - 2)
    return np.append(groups, _COARSE - 1)[codes]


def _comparable(case: Case, a: str, b: str) -> bool:
    """Whether a difference makes sense: two numbers of like size and many values."""
    for name in (a, b):
        coding = case.coding(name)
        if coding.kind is not Kind.NUMBER or coding.distinct < 10:
            return False
    first, second = case.column(a), case.column(b)
    if (first.storage.value == "time") != (second.storage.value == "time"):
        return False
    spreads = [float(np.nanstd(case.matrix([n]).astype(np.float64))) for n in (a, b)]
    return min(spreads) > 0.0 and max(spreads) <= 5.0 * min(spreads)


def _difference(case: Case, a: str, b: str) -> Any:
    """Codes of a - b at the fixed rows: 32 quantile groups, 64 for null."""
    values = []
    for name in (a, b):
        view = case.column(name)
        number = view.values[case.rows].astype(np.float64)
        if view.missing is not None:
            number[view.missing[case.rows]] = np.nan
        values.append(number)
    gap = values[0] - values[1]
    known = gap[np.isfinite(gap)]
    if not len(known):
        return np.full(len(gap), NULL)
    edges = np.unique(np.quantile(known, np.arange(1, 32) / 32))
    codes = np.searchsorted(edges, gap, side="left")
    codes[~np.isfinite(gap)] = NULL
    return codes


def _exact(x: Any, y: Any) -> Any:
    """Weights of an exact linear sum, round ones where they are; None when there is none."""
    centre, scale = x.mean(axis=0), x.std(axis=0)
    used = scale > 0
    if not used.any() or not y.std() > 0:
        return None
    z = (x[:, used] - centre[used]) / scale[used]
    target = y - y.mean()
    solution, *_ = np.linalg.lstsq(z, target, rcond=1e-10)
    error = target - z @ solution
    if float((error**2).sum()) > 1e-12 * float((target**2).sum()):
        return None
    weights = np.zeros(x.shape[1])
    weights[used] = solution / scale[used]
    share = np.abs(weights) * np.where(scale > 0, scale, 0.0) / y.std()
    weights[share < 1e-5] = 0.0
    return np.round(weights, 6)
