"""One column of two profiles: every difference it may show, with effect, interval and p-value."""

from __future__ import annotations

import math
from typing import cast

import numpy as np
import numpy.typing as npt

from holdfast.comparison.groups import (
    ALONE,
    THIN,
    counts,
    group_categories,
    group_neighbours,
    number_cells,
    summed,
)
from holdfast.comparison.record import Difference
from holdfast.profiles.columns import (
    ColumnProfile,
    EmbeddingProfile,
    NumberProfile,
    TextProfile,
)
from holdfast.profiles.spec import ColumnKind, ColumnSpec, EmbeddingSpec, NumberSpec, TextSpec
from holdfast.records import Estimate
from holdfast.stats.effect import mid_ranks, share_change, shift, strength
from holdfast.stats.intervals import binomial_tail, unseen_mass
from holdfast.stats.twosample import fisher, fisher_upper, homogeneity_test, score_test

Ints = npt.NDArray[np.int64]

#: means of embeddings are tested from so many rows on: the normal law must hold far out
_MANY = 200


def share_floor(share: float) -> float:
    """The smallest change of a share that matters: a quarter of it, at most .07 deviations.

    >>> round(share_floor(0.0), 4), round(share_floor(0.01), 4), round(share_floor(0.5), 4)
    (0.0003, 0.0028, 0.0353)
    """
    return 0.0003 + min(0.25 * share, 0.07 * math.sqrt(max(0.0, share * (1.0 - share))))


def fault_floor(share: float) -> float:
    """The same for values that should not be there: the monitor's floor for nulls.

    >>> fault_floor(0.0), fault_floor(0.1)
    (0.003, 0.028)
    """
    return 0.003 + 0.25 * share


def differences(
    reference: ColumnProfile, current: ColumnProfile, spec: ColumnSpec, *, floor: float, seed: int
) -> list[Difference]:
    """Every test of one column.

    Args:
        reference: its reference profile.
        current: its current profile.
        spec: what both counted.
        floor: the smallest shift that matters, in standard deviations.
        seed: of simulated tests.
    """
    found = [_missing(reference, current)]
    found += _share("type", reference.wrong, reference.rows, current.wrong, current.rows)
    if isinstance(spec, NumberSpec):
        found += _numbers(
            cast(NumberProfile, reference), cast(NumberProfile, current), spec, floor, seed
        )
    elif isinstance(spec, TextSpec):
        found += _texts(cast(TextProfile, reference), cast(TextProfile, current), spec, floor, seed)
    else:
        found += _embeddings(
            cast(EmbeddingProfile, reference), cast(EmbeddingProfile, current), spec, floor, seed
        )
    return found


def missing(profile: ColumnProfile) -> int:
    """Rows without a value: null, NaN, or in a part that lacks the column."""
    return profile.null + profile.absent + getattr(profile, "nan", 0)


def _missing(reference: ColumnProfile, current: ColumnProfile) -> Difference:
    before, now = missing(reference), missing(current)
    share = before / reference.rows if reference.rows else 0.0
    return Difference(
        what="missing",
        effect=share_change(before, reference.rows, now, current.rows),
        floor=fault_floor(share),
        p=fisher(now, current.rows, before, reference.rows),
    )


def _share(what: str, before: int, rows: int, now: int, rows_now: int) -> list[Difference]:
    """A share that is a fault when it grows; not tested where neither side has any."""
    if not before and not now:
        return []
    return [
        Difference(
            what=what,
            effect=share_change(before, rows, now, rows_now),
            floor=fault_floor(before / rows if rows else 0.0),
            p=fisher_upper(now, rows_now, before, rows),
        )
    ]


def _numbers(
    reference: NumberProfile, current: NumberProfile, spec: NumberSpec, floor: float, seed: int
) -> list[Difference]:
    old, new = counts(reference), counts(current)
    cells = number_cells(spec)
    rows = (int(old.sum()), int(new.sum()))
    values = tuple(
        n + p.pos_inf + p.neg_inf for n, p in zip(rows, (reference, current), strict=True)
    )
    found = _share(
        "infinite",
        reference.pos_inf + reference.neg_inf, values[0],
        current.pos_inf + current.neg_inf, values[1],
    )  # fmt: skip
    if spec.kind is ColumnKind.TIME or not rows[0]:
        return found
    for what, mask in (
        ("below", cells.below),
        ("above", cells.above),
        ("sentinel", cells.sentinel),
    ):
        found += _share(what, int(old[mask].sum()), rows[0], int(new[mask].sum()), rows[1])
    if spec.complete and spec.kind is not ColumnKind.BOOLEAN:
        strange = ~cells.known
        once = int((old[cells.known] == 1).sum())
        twice = int((old[cells.known] == 2).sum())
        found += _unseen(
            int(new[strange].sum()),
            rows[1],
            once,
            twice,
            rows[0],
            int(old[strange].sum()),
            spec.rows,
        )
    if not rows[1]:
        return found
    groups = group_neighbours(old, new, cells.known | cells.sentinel)
    found += _movement("shift", old, new, floor)
    held = int(((old + new) > 0).sum())
    if held > 2:
        found += _spread(old, new, floor)
    if len(groups) > 2:
        found.append(_shape("shape", summed(old, groups), summed(new, groups), floor, seed))
    return found


def _movement(what: str, old: Ints, new: Ints, floor: float) -> list[Difference]:
    effect = shift(old, new, mid_ranks(old))
    if effect.value is None:
        return []
    p = score_test(new, old, mid_ranks(old + new))
    return [Difference(what=what, effect=effect, floor=floor, p=p)]


def _spread(old: Ints, new: Ints, floor: float) -> list[Difference]:
    effect = shift(old, new, (mid_ranks(old) - 0.5) ** 2)
    if effect.value is None:
        return []
    p = score_test(new, old, (mid_ranks(old + new) - 0.5) ** 2)
    return [Difference(what="spread", effect=effect, floor=floor, p=p)]


def _shape(what: str, old: Ints, new: Ints, floor: float, seed: int) -> Difference:
    return Difference(
        what=what,
        effect=strength(old, new),
        floor=floor,
        p=homogeneity_test(new, old, seed=seed),
    )


def _unseen(
    strange: int, rows: int, once: int, twice: int, known_rows: int, before: int, learned: int
) -> list[Difference]:
    """Values the reference does not hold, against what its rare values lead one to expect.

    Where the spec was learned from a part of the reference (`before` > 0), its other rows tell
    directly how many values are strange.
    """
    if not strange or not rows:
        return []
    if before:
        return _share("unseen", before, max(1, known_rows - learned), strange, rows)
    expected = unseen_mass(once, twice, known_rows)
    best = 1.0
    for error in (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-8):
        most = unseen_mass(once, twice, known_rows, level=1.0 - error).high
        if most is not None:
            best = min(best, error + binomial_tail(strange, rows, most))
    share = expected.value or 0.0
    effect = share_change(round(share * known_rows), known_rows, strange, rows)
    return [Difference(what="unseen", effect=effect, floor=fault_floor(share), p=best)]


def _texts(
    reference: TextProfile, current: TextProfile, spec: TextSpec, floor: float, seed: int
) -> list[Difference]:
    before, now = reference.present, current.present
    if not before:
        return []
    old, new = np.array(reference.counts, np.int64), np.array(current.counts, np.int64)
    found: list[Difference] = []
    if spec.complete:
        found += _unseen(
            current.other, now, spec.singletons, spec.doubletons, before, reference.other, spec.rows
        )
    if not now:
        return found
    found += _movement(
        "length", np.array(reference.lengths, np.int64), np.array(current.lengths, np.int64), floor
    )
    if spec.complete:
        old, new = np.r_[old, reference.other], np.r_[new, current.other]
        groups = group_categories(old, new, rest=len(old) - 1)
        if len(groups) > 1:
            found.append(_shape("mix", summed(old, groups), summed(new, groups), floor, seed))
        tested = np.flatnonzero((old + new)[:-1] >= THIN)
    else:
        buckets = (np.array(p.buckets, np.int64) for p in (reference, current))
        one, two = buckets
        groups = group_categories(one, two)
        if len(groups) > 1:
            found.append(_shape("mix", summed(one, groups), summed(two, groups), floor, seed))
        tested = np.flatnonzero(old >= 10 * ALONE)
    found += _one_category(old, new, tested, before, now)
    return found


def _one_category(
    old: Ints, new: Ints, tested: npt.NDArray[np.intp], before: int, now: int
) -> list[Difference]:
    """The category whose share moved most surely, of those thick enough to test."""
    if len(tested) < 3:
        return []  # the mix says as much
    shares, current = old[tested] / before, new[tested] / now
    both = (old[tested] + new[tested]) / (before + now)
    z = np.abs(shares - current) / np.sqrt(both * (1 - both) * (1 / before + 1 / now) + 1e-300)
    likely = tested[np.argsort(-z)[:8]]
    p, at = min((fisher(int(new[i]), now, int(old[i]), before), int(i)) for i in likely)
    return [
        Difference(
            what="category",
            effect=share_change(int(old[at]), before, int(new[at]), now),
            floor=share_floor(float(old[at]) / before),
            p=min(1.0, len(tested) * p),
        )
    ]


def _embeddings(
    reference: EmbeddingProfile,
    current: EmbeddingProfile,
    spec: EmbeddingSpec,
    floor: float,
    seed: int,
) -> list[Difference]:
    before, now = (p.rows - p.null - p.absent for p in (reference, current))
    found = _share("length", reference.odd_length, before, current.odd_length, now)
    found += _share("infinite", reference.not_finite, before, current.not_finite, now)
    found += [
        d
        for d in _numbers(reference.norm, current.norm, spec.norm, floor, seed)
        if d.what in {"shift", "spread", "shape"}
    ]
    rows = (reference.norm.finite, current.norm.finite)
    if min(rows) < _MANY or not spec.grids:
        return found
    best: Difference | None = None
    for grid, a, b in zip(spec.grids, reference.sums, current.sums, strict=True):
        before_mean, now_mean = a.mean(grid) or 0.0, b.mean(grid) or 0.0
        spread, spread_now = a.deviation(grid) or 0.0, b.deviation(grid) or 0.0
        if not spread:
            continue
        noise = math.hypot(spread / math.sqrt(rows[0]), spread_now / math.sqrt(rows[1]))
        gap = now_mean - before_mean
        p = min(1.0, len(spec.grids) * math.erfc(abs(gap) / noise / math.sqrt(2.0)))
        value, half = gap / spread, 1.96 * noise / spread
        effect = Estimate(
            value=value, low=value - half, high=value + half, n=rows[1], unit="sd", method="means"
        )
        if best is None or p < best.p:
            best = Difference(what="direction", effect=effect, floor=floor, p=p)
    return [*found, best] if best is not None else found
