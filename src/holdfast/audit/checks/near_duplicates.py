"""Test rows that nearly equal a training row, beyond what training rows do among themselves."""

from __future__ import annotations

import math

import numpy as np

from holdfast.audit.case import Case
from holdfast.audit.checks.near_copies import REMEDY, copies_but_few
from holdfast.audit.columns import Kind
from holdfast.audit.record import LeakFinding, Verdict
from holdfast.audit.rows.compared import comparable, row_numbers
from holdfast.audit.rows.neighbours import EXACT, Near, blocked, embedding, nearest
from holdfast.audit.sizing import by_rows, same_type, sized_on
from holdfast.findings import Severity
from holdfast.stats.twosample import fisher_upper

#: rows of either table whose nearest training row is looked for
_QUERIES = 1200
#: how much nearer than its surroundings a copy is: distance to the nearest by that to the fifth
_RATIOS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
_ALPHA = 1e-6
_LEAST = 0.01
_FEWEST = 100
_EQUAL = 1e-5
#: classes of how close rows lie
_DENSITIES = 8


class NearDuplicates:
    """Numbers and categories nearly equal: copies with noise, or of a second measurement."""

    code = "HF-L-NEAR-DUPLICATES"
    type = "nearly equal rows on both sides of the split"
    asked_by: tuple[str, ...] = ()

    def needs(self, case: Case) -> str | None:
        """A test table, with two numeric or categorical features in common."""
        if case.test is None:
            return "the test table (--test)"
        if min(case.n, case.test.num_rows) < _FEWEST:
            return f"{_FEWEST} rows in both tables"
        return None if len(_names(case)) >= 2 else "two numbers or categories in both tables"

    def run(self, case: Case) -> list[LeakFinding]:
        """At most one finding, over a sample of the test rows."""
        test = case.test
        assert test is not None  # noqa: S101
        names = _names(case)
        found = copies_but_few(case, names)
        if found is not None:
            return [found]
        rng = case.rng(self.code)
        # training rows that are asked leave the table first: without a leak both kinds of query
        # then lie among the others in the same way, in any number of dimensions
        drawn = rng.permutation(case.n)
        usual = np.sort(drawn[: min(_QUERIES, case.n // 4)])
        others = np.sort(drawn[len(usual) :])
        asked = np.sort(rng.permutation(test.num_rows)[:_QUERIES])
        base = embedding(case, names, case.train, others, among=others)
        queries = embedding(case, names, test, asked, among=others)
        own_queries = embedding(case, names, case.train, usual, among=others)
        if case.n <= EXACT:
            seen, own = nearest(base, queries), nearest(base, own_queries)
        else:
            both = blocked(base, np.vstack([queries, own_queries]), rng)
            seen = both.part(0, len(asked))
            own = both.part(len(asked), len(asked) + len(usual))
        seen = seen._replace(row=np.where(seen.row >= 0, others[seen.row], -1))
        cut = _cut(seen, own)
        if cut is None:
            return []
        near = (seen.ratio <= cut) & (seen.first > _EQUAL)
        share = float(near.mean())
        expected = float(((own.ratio <= cut) & (own.first > _EQUAL)).mean())
        nearest_first = np.argsort(seen.ratio[near], kind="stable")
        leaked = np.zeros(case.n, np.bool_)
        leaked[seen.row[near]] = True
        finding = LeakFinding(
            code=self.code,
            severity=Severity.ERROR,
            verdict=Verdict.PROVEN,
            sentence=f"{share:.1%} of the test rows nearly equal one training row, and are like no "
            f"other; {expected:.1%} would be usual, going by the training rows among themselves",
            evidence={
                "looked_at": len(asked),
                "near": int(near.sum()),
                "share": round(share, 4),
                "expected_share": round(expected, 4),
                "rows": row_numbers(case, asked[near][nearest_first], test=True),
                "training_rows": row_numbers(case, seen.row[near][nearest_first]),
                "nearer_than_the_fifth_by": round(1.0 / cut, 1),
            },
            worth=by_rows(case, sized_on(case), leaked, asked),
            remedy=REMEDY,
        )
        return [finding]


def _names(case: Case) -> list[str]:
    wanted = {Kind.NUMBER, Kind.CATEGORY}
    return [
        name
        for name in comparable(case)
        if case.coding(name).kind in wanted and same_type(case, name)
    ]


def _cut(seen: Near, own: Near) -> float | None:
    """The ratio at which the test rows are most clearly too near; None when they are not."""
    best, least = None, _ALPHA
    kept, usual = seen.first > _EQUAL, own.first > _EQUAL
    rows, other = int(kept.sum()), int(usual.sum())
    if not rows or not other:
        return None
    # like is held against like: rows whose fifth neighbour is as far, where rows lie as close
    finite = own.fifth[usual & np.isfinite(own.fifth)]
    if not len(finite):
        return None
    edges = np.quantile(finite, np.arange(1, _DENSITIES) / _DENSITIES)
    place, other_place = (np.searchsorted(edges, part.fifth) for part in (seen, own))
    size = np.bincount(other_place[usual], minlength=_DENSITIES)
    for ratio in _RATIOS:
        one = int(((seen.ratio <= ratio) & kept).sum())
        hit = (own.ratio <= ratio) & usual
        hits = np.bincount(other_place[hit], minlength=_DENSITIES)
        rate = np.where(size > 0, hits / np.maximum(size, 1), hits.sum() / other)
        two = max(int(hits.sum()), math.ceil(float(rate[place[kept]].mean()) * other))
        if one / rows - two / other < _LEAST:
            continue
        p = fisher_upper(one, rows, min(two, other), other) * len(_RATIOS)
        if p < least:
            best, least = ratio, p
    return best
