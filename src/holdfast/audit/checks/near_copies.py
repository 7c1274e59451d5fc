"""Copies with a few changed cells: test rows that equal a training row in all other columns."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from holdfast.audit.case import Case
from holdfast.audit.record import LeakFinding, Verdict
from holdfast.audit.rows.agreeing import MOST, Agreeing, Rows, Values, agreeing, values
from holdfast.audit.rows.compared import row_numbers, shrunk
from holdfast.audit.sizing import by_rows, sized_on
from holdfast.findings import Severity
from holdfast.stats.twosample import fisher_upper

Bools = npt.NDArray[np.bool_]

#: rows of either table that are asked, and training rows among which they are looked for
_QUERIES, _BASE = 4000, 100_000
#: how far apart the changed cells may lie, in standard deviations
_GAPS = (0.01, 0.03, 0.1, 0.3, 1e9)
#: columns that must agree, for each that may differ
_AGREE = 2
_ALPHA, _LEAST = 1e-6, 0.01
#: the same where no training row has such a twin though the columns in common have many values
_ALPHA_UNHEARD, _VARIOUS, _RICH = 1e-3, 20, 3
#: how many times the usual share
_TIMES = 1.5
#: rows around a row, by which like is held against like
_STRATUM = 20
_AROUND = np.array([1, 2, 3, 5, 8, 12, 20, 35, 60, 100])
REMEDY = (
    "Find out how a row comes to be in the table twice (a second export, noise or rounding added, "
    "an entity measured again). Give both rows one id and split by it."
)


class _Hits(NamedTuple):
    differ: int
    seen: Rows
    partners: Rows
    expected: float


def copies_but_few(case: Case, names: list[str]) -> LeakFinding | None:
    """The finding about test rows that differ from a training row in at most three columns.

    Training rows among themselves are the baseline: how many of those with as many rows around
    them have such a twin, with cells as near.
    Rows that equal another one in every column are left out on both sides.
    """
    test = case.test
    if test is None or len(names) <= _AGREE:
        return None
    rng = case.rng("near copies")
    within = case.subset(_BASE, "near copies")
    own = np.sort(rng.permutation(len(within))[:_QUERIES])
    asked = np.sort(rng.permutation(test.num_rows)[:_QUERIES])
    base = values(case, names, case.train, within)
    various = np.array([case.coding(name).distinct for name in names])
    queries = values(case, names, test, asked)
    seen = agreeing(base, queries, None, various)
    usual = agreeing(base, Values(base.same[own], base.scaled[own]), own, various)
    rich = various > _VARIOUS
    hits = _clearest(base, queries, seen, usual, rich)
    if hits is None:
        return None
    training = within[hits.partners]
    leaked = np.zeros(case.n, np.bool_)
    leaked[training] = True
    share = len(hits.seen) / len(asked)
    return LeakFinding(
        code="HF-L-NEAR-DUPLICATES",
        severity=Severity.ERROR,
        verdict=Verdict.PROVEN,
        sentence=f"{share:.1%} of the test rows equal a training row in all columns but "
        f"{hits.differ} at most, and nearly there; {hits.expected:.1%} would be usual, going by "
        "the training rows among themselves",
        evidence={
            "looked_at": len(asked),
            "near": len(hits.seen),
            "share": round(share, 4),
            "expected_share": round(hits.expected, 4),
            "columns_compared": len(names),
            "columns_that_may_differ": hits.differ,
            "rows": row_numbers(case, asked[hits.seen], test=True),
            "training_rows": row_numbers(case, training),
        },
        worth=by_rows(case, sized_on(case), leaked, asked),
        remedy=REMEDY,
    )


def _clearest(
    base: Values, queries: Values, seen: Agreeing, usual: Agreeing, rich: Bools
) -> _Hits | None:
    """The number of columns and the distance at which test rows are most clearly copies."""
    most = min(MOST, queries.same.shape[1] // (_AGREE + 1))
    best, least = None, 1.0
    tests = 2 * most * len(_GAPS)
    for way in range(2):
        for place in range(most):
            gap, other = seen.gap[way, :, place], usual.gap[way, :, place]
            wide = (np.isfinite(gap) & ~seen.equal, np.isfinite(other) & ~usual.equal)
            for limit in _GAPS:
                hit, common = wide[0] & (gap <= limit), wide[1] & (other <= limit)
                share = float(hit.mean())
                expected = _expected(hit, common, seen.around, usual.around)
                if share - expected < _LEAST or share < _TIMES * expected:
                    continue
                partners = seen.row[way, :, place]
                clusters = np.where(hit, partners, len(base.same) + np.arange(len(hit)))
                marked, rows = shrunk(hit, clusters)
                p = fisher_upper(marked, rows, math.ceil(expected * len(common)), len(common))
                p *= tests
                agree = queries.same[hit] == base.same[partners[hit]]
                known = np.median((agree & rich).sum(axis=1)) >= _RICH
                limit_p = _ALPHA_UNHEARD if known and not common.any() else _ALPHA
                if p < limit_p and p < least:
                    best = _Hits(place + 1, np.flatnonzero(hit), partners[hit], expected)
                    least = p
    return best


def _expected(hit: Bools, common: Bools, around: Rows, usual_around: Rows) -> float:
    """The share to be expected of the test rows, as crowded as they are, by the training rows.

    Rows are held against rows with as many others around them, the twin itself left out: a test
    table from where rows lie close together is no copy.
    """
    place = np.digitize(around - hit, _AROUND)
    usual = np.digitize(usual_around - common, _AROUND)
    size = len(_AROUND) + 1
    rows = np.bincount(usual, minlength=size)
    hits = np.bincount(usual, weights=common, minlength=size)
    rate = np.where(rows >= _STRATUM, hits / np.maximum(rows, 1), common.mean())
    return float(rate[place].mean())
