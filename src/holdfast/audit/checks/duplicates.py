"""Exact copies of training rows in the test table, beyond what the training table itself shows."""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.audit.case import Case
from holdfast.audit.record import LeakFinding, Verdict
from holdfast.audit.rows.compared import (
    beyond_chance,
    comparable,
    excess,
    row_numbers,
    shared,
    table_hashes,
)
from holdfast.audit.rows.hashing import Hashes, groups
from holdfast.audit.sizing import by_groups, by_rows, sized_on
from holdfast.findings import Severity

#: chance of a false proof
_ALPHA = 1e-5
#: the same where no training row equals another, and none differs in one column alone either
_ALPHA_UNHEARD = 1e-3
#: copies beyond the usual share, in test rows, that are worth a proof
_LEAST = 0.003
#: share of rows with a copy at which a table is said to repeat itself
_MANY = 0.03
#: the same of one table, before any split
_MANY_INSIDE = 0.05
_REMEDY = (
    "Keep one of each set of equal rows before the split, or keep the set on one side: group by a "
    "hash of the row. Score the model again on the rest."
)


class Duplicates:
    """Rows whose features are equal in every column."""

    code = "HF-L-DUPLICATES"
    type = "equal rows on both sides of the split"
    asked_by: tuple[str, ...] = ("test",)

    def needs(self, case: Case) -> str | None:
        """Features in common, and some rows."""
        if case.n < 20:
            return "20 training rows"
        return None if comparable(case) else "a feature that both tables have"

    def run(self, case: Case) -> list[LeakFinding]:
        """At most one finding: copies across the split, or a table that repeats itself."""
        names = comparable(case)
        own = table_hashes(case, case.train, names)
        if case.test is None:
            return self._inside(case, names, own)
        ways = [names]
        everything = shared(case)
        if len(everything) > len(names):
            ways.insert(0, everything)  # a copy repeats the name of the row too
        for way in ways:
            first = own if way is names else table_hashes(case, case.train, way)
            of_train, of_test = groups(first, table_hashes(case, case.test, way))
            counts = np.bincount(of_train, minlength=int(of_test.max(initial=0)) + 1)
            hit, usual = counts[of_test] > 0, counts[of_train] > 1
            share, expected = float(hit.mean()), float(usual.mean())
            more = share - expected >= _LEAST and hit.sum() >= 5
            p = excess(hit, usual, of_test, of_train) if more else 1.0
            unheard = expected == 0.0 and p < _ALPHA_UNHEARD and beyond_chance(case, way, first)
            proven = p < _ALPHA or unheard
            if proven:
                names = way
                break
        if not proven and (share < _MANY or not beyond_chance(case, names, own)):
            return []
        leaked = np.bincount(of_test, minlength=len(counts))[of_train] > 0
        evidence: dict[str, Any] = {
            "test_rows": int(hit.sum()),
            "share": round(share, 4),
            "expected_share": round(expected, 4),
            "rows": row_numbers(case, np.flatnonzero(hit), test=True),
            "training_rows": row_numbers(case, _partners(of_train, of_test[hit][:5])),
            "columns_compared": len(names),
        }
        agree = _agreement(case, of_train, of_test, hit)
        if agree is not None:
            evidence["same_label"] = round(agree, 4)
        usually = (
            "the training table holds copies of its own rows just as often"
            if not proven
            else (f"{_percent(expected)} would be usual, going by the training table itself")
        )
        finding = LeakFinding(
            code=self.code,
            severity=Severity.ERROR if proven else Severity.WARNING,
            verdict=Verdict.PROVEN if proven else Verdict.SUSPECT,
            sentence=f"{int(hit.sum()):,} test rows ({_percent(share)}) equal a training row in "
            f"every feature; {usually}",
            evidence=evidence,
            worth=by_rows(case, sized_on(case), leaked),
            remedy=_REMEDY,
        )
        return [finding]

    def _inside(self, case: Case, names: list[str], own: Hashes) -> list[LeakFinding]:
        (numbers,) = groups(own)
        counts = np.bincount(numbers)
        repeated = counts[numbers] > 1
        share = float(repeated.mean())
        if share < _MANY_INSIDE or not beyond_chance(case, names, own):
            return []
        evidence = {
            "rows_with_a_copy": int(repeated.sum()),
            "share": round(share, 4),
            "rows_beyond_the_first": int(case.n - len(counts)),
            "rows": row_numbers(case, np.flatnonzero(repeated)),
            "columns_compared": len(names),
        }
        finding = LeakFinding(
            code=self.code,
            severity=Severity.WARNING,
            verdict=Verdict.SUSPECT,
            sentence=f"{int(repeated.sum()):,} rows ({_percent(share)}) have an equal twin: a "
            "random split puts the same row on both sides",
            evidence=evidence,
            worth=by_groups(case, sized_on(case), numbers, "duplicates"),
            remedy=_REMEDY,
        )
        return [finding]


def _partners(of_train: Any, wanted: Any) -> Any:
    """For some groups the first training row of each."""
    order = np.argsort(of_train, kind="stable")
    return order[np.searchsorted(of_train[order], wanted)]


def _agreement(case: Case, of_train: Any, of_test: Any, hit: Any) -> float | None:
    if case.test_target is None or case.task in {"none", "regression"}:
        return None
    rows = np.flatnonzero(hit)
    return float(np.mean(case.y[_partners(of_train, of_test[rows])] == case.test_target.y[rows]))


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.001 or share == 0.0 else "under 0.1%"
