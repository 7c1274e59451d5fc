"""From tests to a verdict on each column: significance over all columns, effects against floors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import cast

import msgspec

from holdfast.comparison.columns import missing
from holdfast.comparison.groups import counts, number_cells
from holdfast.comparison.record import Difference, Share, Status
from holdfast.profiles.columns import ColumnProfile, NumberProfile, TextProfile
from holdfast.profiles.spec import ColumnKind, ColumnSpec, NumberSpec, TextSpec
from holdfast.stats.twosample import holm

#: a shift of so many standard deviations must be findable, else "could not tell"
MATERIAL = 0.25
_POWER = NormalDist().inv_cdf(0.9)


def adjust(tests: Sequence[Sequence[Difference]], error: float) -> list[list[Difference]]:
    """All tests of the report with their adjusted p-values and what follows from them."""
    adjusted = iter(holm([d.p for column in tests for d in column]))
    out = []
    for column in tests:
        judged = []
        for difference in column:
            p = next(adjusted)
            significant = p <= error
            size = abs(difference.effect.value or 0.0)
            judged.append(
                msgspec.structs.replace(
                    difference,
                    adjusted=p,
                    significant=significant,
                    matters=significant and size >= difference.floor,
                )
            )
        out.append(sorted(judged, key=lambda d: (not d.matters, d.p)))
    return out


def resolution(rows: int, rows_now: int, tests: int, error: float) -> float | None:
    """The smallest shift found with 90 % probability, in standard deviations; None without rows.

    >>> round(resolution(1000, 1000, 120, 0.01), 2)
    0.23
    """
    if rows < 2 or rows_now < 2:
        return None
    z = NormalDist().inv_cdf(1.0 - error / max(1, tests) / 2.0) + _POWER
    return z * math.sqrt(1.0 / rows + 1.0 / rows_now)


def status_of(judged: Sequence[Difference], seen: float | None, share: float) -> tuple[Status, str]:
    """The status of a compared column, and why where it could not be told.

    Args:
        judged: its tests.
        seen: its resolution.
        share: share of its rows that hold a value, on the sparser side: a column with few values
            is judged by all its rows, and its resolution is there to read.
    """
    if any(d.matters for d in judged):
        return Status.CHANGED, ""
    if seen is None:
        return Status.UNCLEAR, "too few values"
    if seen > MATERIAL / math.sqrt(max(share, 1e-9)):
        return Status.UNCLEAR, f"too few values: only a shift of {seen:.2g} sd would be found"
    if any(d.significant for d in judged):
        return Status.NEGLIGIBLE, ""
    return Status.SAME, ""


def skipped(reference: ColumnProfile, spec: ColumnSpec) -> str:
    """Why the values of a column are not compared; empty where they are.

    Times move on by themselves, and so do running numbers.
    """
    if isinstance(spec, NumberSpec) and spec.kind is ColumnKind.TIME:
        return "a time: only missing values and types are compared"
    if isinstance(spec, NumberSpec) and isinstance(reference, NumberProfile):
        rows = reference.finite
        if (
            spec.whole
            and rows >= 50
            and spec.low is not None
            and spec.high is not None
            and reference.distinct.estimate() >= 0.95 * rows
            and spec.high - spec.low + 1.0 <= 1.2 * rows
        ):
            return "a running number: only missing values and types are compared"
    return ""


#: what is compared of a column whose values are not
ALWAYS = frozenset({"missing", "type", "infinite"})


def present(profile: ColumnProfile) -> int:
    """Rows with a value of the right type."""
    if isinstance(profile, NumberProfile):
        return profile.finite
    if isinstance(profile, TextProfile):
        return profile.present
    return profile.rows - profile.null - profile.absent - profile.wrong


def shares(
    reference: ColumnProfile, current: ColumnProfile, spec: ColumnSpec
) -> tuple[Share, Share, Share]:
    """Missing, unseen and outside, before and now."""

    def both(one: float | None, two: float | None) -> Share:
        return Share(one, two)

    def part(hits: int, rows: int) -> float | None:
        return hits / rows if rows else None

    missed = both(part(missing(reference), reference.rows), part(missing(current), current.rows))
    unseen = outside = Share(None, None)
    if isinstance(spec, NumberSpec) and spec.kind is not ColumnKind.TIME:
        cells = number_cells(spec)
        old, new = counts(cast(NumberProfile, reference)), counts(cast(NumberProfile, current))
        beyond = cells.below | cells.above
        outside = both(
            part(int(old[beyond].sum()), int(old.sum())),
            part(int(new[beyond].sum()), int(new.sum())),
        )
        if spec.complete:
            unseen = both(
                part(int(old[~cells.known].sum()), int(old.sum())),
                part(int(new[~cells.known].sum()), int(new.sum())),
            )
    elif isinstance(spec, TextSpec) and spec.complete:
        one, two = cast(TextProfile, reference), cast(TextProfile, current)
        unseen = both(part(one.other, one.present), part(two.other, two.present))
    return missed, unseen, outside
