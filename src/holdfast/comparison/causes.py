"""What probably happened to a column, from the signatures that two profiles show.

One function, `cause_of`; it sees counts only. Rows say more: a diagnosis over row samples can take
its place for the columns that have them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection

import msgspec
import numpy as np
import numpy.typing as npt

from holdfast.comparison.groups import counts, group_neighbours, number_cells, summed
from holdfast.profiles.columns import ColumnProfile, NumberProfile, TextProfile
from holdfast.profiles.spec import ColumnSpec, NumberSpec, TextSpec
from holdfast.records import Action
from holdfast.stats.effect import strength

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: shares that differ by so many standard deviations for sure are no longer alike
ALIKE = 0.1

#: factors that units, scales and currencies' minor parts differ by
FACTORS = (
    10.0, 100.0, 1e3, 1e4, 1e5, 1e6, 60.0, 3600.0, 24.0, 7.0, 12.0, 1024.0, 1.609344, 2.54,
    0.45359237, 0.3048, 1.8, 3.6,
)  # fmt: skip


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """A probable cause.

    Attributes:
        kind: as in the findings of the monitor: ``missing``, ``dtype_change``, ``unit_scale`` ...
        class_: ``pipeline``, ``covariate`` or ``unknown``.
        sentence: the cause in words, without values of the column.
        action: what it asks for.
        confidence: 0 to 1, how far the signature leaves other explanations.
    """

    kind: str
    class_: str
    sentence: str
    action: Action
    confidence: float


def cause_of(
    reference: ColumnProfile, current: ColumnProfile, spec: ColumnSpec, telling: Collection[str]
) -> Cause:
    """The first signature that fits; drift where none does.

    Args:
        reference: the column's reference profile.
        current: its current profile.
        spec: what both counted.
        telling: which differences matter (`Difference.what`).
    """
    rules: list[Callable[[], Cause | None]] = [lambda: _common(reference, current, telling)]
    if (
        isinstance(reference, NumberProfile)
        and isinstance(current, NumberProfile)
        and isinstance(spec, NumberSpec)
    ):
        rules.append(lambda: _number(reference, current, spec, telling))
    elif (
        isinstance(reference, TextProfile)
        and isinstance(current, TextProfile)
        and isinstance(spec, TextSpec)
    ):
        rules.append(lambda: _text(reference, current, spec, telling))
    for rule in rules:
        found = rule()
        if found is not None:
            return found
    return Cause(
        kind="covariate_drift",
        class_="covariate",
        sentence="the values themselves moved; no signature of a broken pipeline",
        action=Action.INVESTIGATE,
        confidence=0.5,
    )


def _pipeline(kind: str, sentence: str, confidence: float) -> Cause:
    return Cause(
        kind=kind,
        class_="pipeline",
        sentence=sentence,
        action=Action.FIX_PIPELINE,
        confidence=confidence,
    )


def _common(
    reference: ColumnProfile, current: ColumnProfile, telling: Collection[str]
) -> Cause | None:
    if "type" in telling:
        return _pipeline("dtype_change", "the values come in another type", 0.95)
    if "missing" not in telling:
        return None
    from holdfast.comparison.columns import missing

    before, now = missing(reference) / reference.rows, missing(current) / current.rows
    if now > before:
        return _pipeline("missing", "values are lost on the way", 0.95)
    if len(telling) > 1:
        return _pipeline("default_filled", "nulls are filled with a value upstream", 0.6)
    return Cause(
        kind="filled",
        class_="pipeline",
        sentence="fewer values are missing: something upstream was mended, or fills them in",
        action=Action.INVESTIGATE,
        confidence=0.6,
    )


def _number(
    reference: NumberProfile, current: NumberProfile, spec: NumberSpec, telling: Collection[str]
) -> Cause | None:
    old, new = counts(reference), counts(current)
    if not old.sum() or not new.sum():
        return None
    if "sentinel" in telling:
        return _pipeline("default_filled", "a stand-in for nothing is sent as a number", 0.9)
    if current.low == current.high and reference.low != reference.high and current.finite > 1:
        return _pipeline("stuck", "the column holds one single value", 0.9)
    factor = _factor(reference, current, spec)
    if factor is not None:
        return _pipeline("unit_scale", f"the numbers are multiplied by about {factor:.4g}", 0.9)
    clipped = _clipped(old, new, reference, current)
    if clipped is not None:
        return clipped
    if _coarser(reference, current):
        return _pipeline("precision_loss", "the numbers are rounded more coarsely", 0.85)
    spike = _spike(old, new)
    if spike is not None:
        return _pipeline(
            "default_filled",
            f"one value stands in {spike:.0%} more of the rows, the rest is alike",
            0.7,
        )
    cells = number_cells(spec)
    outside = cells.below | cells.above
    if {"below", "above", "infinite"} & set(telling) and _alike(old[~outside], new[~outside]):
        return _pipeline("outliers", "a few values lie out of range, the rest is as before", 0.6)
    if new[outside].sum() > 0.5 * new.sum():
        return _pipeline("unit_scale", "most values lie out of the reference's range", 0.5)
    return None


def _alike(old: Ints, new: Ints) -> bool:
    """Whether the proportions of two rows of counts may well be the same."""
    if not old.sum() or not new.sum():
        return False
    groups = group_neighbours(old, new, np.zeros(len(old), np.bool_))
    low = strength(summed(old, groups), summed(new, groups)).low
    return low is not None and low <= ALIKE


def _factor(reference: NumberProfile, current: NumberProfile, spec: NumberSpec) -> float | None:
    """A factor that mean, deviation and range all show."""
    if min(reference.finite, current.finite) < 20:
        return None
    means = reference.sums.mean(spec.grid), current.sums.mean(spec.grid)
    deviations = reference.sums.deviation(spec.grid), current.sums.deviation(spec.grid)
    if None in means or None in deviations:
        return None
    a, b, c, d = (float(x) for x in (*means, *deviations))  # type: ignore[arg-type]
    if not (abs(a) > 0.05 * c and c > 0.0 and d > 0.0 and math.isfinite(d)):
        return None
    by_mean, by_spread = b / a, d / c
    if not 0.8 < abs(by_mean) / by_spread < 1.25:
        return None
    factor = math.copysign(math.sqrt(abs(by_mean) * by_spread), by_mean)
    if abs(math.log(abs(factor))) < math.log(1.5):
        return -1.0 if factor < 0 and abs(math.log(abs(factor))) < 0.1 else None
    for known in FACTORS:
        for k in (known, 1.0 / known):
            if abs(abs(factor) / k - 1.0) < 0.1:
                return math.copysign(k, factor)
    return None


def _clipped(
    old: Ints, new: Ints, reference: NumberProfile, current: NumberProfile
) -> Cause | None:
    """All that lay beyond a bound now stands at it."""
    if None in (reference.low, reference.high, current.low, current.high):
        return None
    for flip in (False, True):
        a, b = (old[::-1], new[::-1]) if flip else (old, new)
        last = int(np.flatnonzero(b)[-1])
        beyond, gone = a[last:].sum() / a.sum(), a[last + 1 :].sum() / a.sum()
        shrunk = current.low > reference.low if flip else current.high < reference.high  # type: ignore[operator]
        stands = b[last] / b.sum()
        if not shrunk or gone < 0.03 or abs(stands - beyond) > 0.25 * gone:
            continue
        if _alike(a[:last], b[:last]):
            side = "below" if flip else "above"
            return _pipeline("clipped", f"what lies {side} a bound is cut off there", 0.8)
    return None


def _coarser(reference: NumberProfile, current: NumberProfile) -> bool:
    if not reference.finite or not current.finite:
        return False
    return any(
        now / current.finite > 0.93 and before / reference.finite < 0.5
        for before, now in zip(reference.on_step, current.on_step, strict=True)
    )


def _spike(old: Ints, new: Ints) -> float | None:
    """By how much one cell grew when all others kept their proportions; None otherwise."""
    p, q = old / old.sum(), new / new.sum()
    at = int(np.argmax(q - p))
    grown = float(q[at] - p[at])
    if grown < 0.03 or p[at] > 0.95:
        return None
    others = np.arange(len(p)) != at
    return grown if _alike(old[others], new[others]) else None


def _text(
    reference: TextProfile, current: TextProfile, spec: TextSpec, telling: Collection[str]
) -> Cause | None:
    if not reference.present or not current.present:
        return None
    old, new = np.array(reference.counts, np.int64), np.array(current.counts, np.int64)
    p, q = old / reference.present, new / current.present
    if "unseen" in telling:
        return _unseen_text(p, q, current)
    held = int((np.array(current.counts) > 0).sum()) + (current.other > 0)
    if held == 1 and reference.distinct.estimate() > 1 and current.present > 1:
        return _pipeline("stuck", "the column holds one single value", 0.8)
    if not spec.complete or len(p) < 2:
        return None
    gone = (q == 0) & (p > 0.03)
    if gone.any() and _alike(old[~gone], new[~gone]):
        return _pipeline("lost_segment", "rows of some categories no longer arrive", 0.7)
    moved = np.abs(p - q).sum() / 2.0
    alike = np.abs(np.sort(p) - np.sort(q)).sum() / 2.0
    if moved > 0.1 and alike < 0.15 * moved:
        return _pipeline("encoding_permuted", "the categories have changed places", 0.7)
    spike = _spike(old, new)
    if spike is not None and spike > 0.1:
        return _pipeline(
            "default_filled",
            f"one value stands in {spike:.0%} more of the rows, the rest is alike",
            0.5,
        )
    return None


def _unseen_text(p: Floats, q: Floats, current: TextProfile) -> Cause:
    """Renamed where known categories lost what unknown ones won, else new."""
    unseen = current.other / current.present
    lost = np.where(q < 0.1 * p, p, 0.0)
    if lost.sum() > 0.5 * unseen and lost.sum() < 2.0 * unseen:
        return _pipeline("category_renamed", "known categories come under new names", 0.8)
    return Cause(
        kind="new_category",
        class_="unknown",
        sentence="a new spelling, a new source or a real novelty",
        action=Action.INVESTIGATE,
        confidence=0.5,
    )
