"""The peel curve: drop the column the model leans on most, refit, repeat, and look for a cliff.

On honest tables the curve sinks gently; where a leak carries the score it falls off a cliff as
soon as the last column that holds the leak is gone. Correlated twins are removed one after the
other and fall together.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import msgspec

from holdfast.audit.record import Peel

if TYPE_CHECKING:
    from holdfast.audit.case import Case

#: removals at most: this share of the columns, at least 4, at most 25
_SHARE, _LEAST, _MOST = 0.3, 4, 25
#: a curve that sank by so much without a cliff has none: those who lean on many columns sink
_GONE = 0.04
#: a score so high is too good to be true, whether it falls at once or not: it is followed further
HIGH, _GONE_HIGH = 0.98, 0.25
#: how far a model may stay behind the best of its columns alone
_SLACK = 0.03
#: a score this low hides no block of many columns: fewer removals are enough
_LOW, _ENOUGH = 0.85, 6


class Cliff(msgspec.Struct, frozen=True, kw_only=True):
    """A fall of the curve at one removal.

    Attributes:
        place: number of columns removed when it fell, from 1.
        before, after: scores on either side.
    """

    place: int
    before: float
    after: float


def peel(case: Case, columns: Sequence[str]) -> Peel:
    """The peel curve of some columns of a case; without removals where no cliff is possible."""
    left = list(columns)
    scores = [case.quality(case.score(left))]
    removed: list[str] = []
    most = min(max(_LEAST, round(_SHARE * len(left))), _MOST, len(left) - 1)
    gone = _GONE if scores[0] < HIGH else _GONE_HIGH
    if gone == _GONE and not may_fall(case, scores[0], left, most):
        return Peel(metric=case.metric, scores=tuple(scores), removed=())
    while len(removed) < most and scores[0] - scores[-1] <= gone:
        if scores[0] < _LOW and len(removed) >= _ENOUGH:
            break
        gains = case.gains(left)
        if not gains or max(gains.values()) <= 0.0:
            break
        top = max(left, key=lambda name: gains[name])
        left = [name for name in left if name != top]
        removed.append(top)
        scores.append(case.quality(case.score(left)))
    return Peel(metric=case.metric, scores=tuple(scores), removed=tuple(removed))


def may_fall(case: Case, score: float, columns: Sequence[str], gone: int) -> bool:
    """Whether a score could fall off a cliff when so many of its columns are gone.

    The columns that are left tell at least what the best of them tells alone.
    """
    alone = sorted((case.singles[name].alone for name in columns), reverse=True)
    left = max(
        alone[gone] if gone < len(alone) else -1.0, 0.0 if case.task == "regression" else 0.5
    )
    return falls(score + 0.01, left - _SLACK, case.task, rich=True)


def falls(worth_with: float, worth_without: float, task: str, *, rich: bool = False) -> bool:
    """Whether a gain is larger than honest columns have.

    Both sides count: points of score, and the share of the remaining error that is gone. The
    figures were set on tables without leaks: there the largest were 0.11 and 0.45 together
    (sex on the Titanic) and 0.07 and 0.68 (length of a loan) for AUC, 0.53 and 0.87 for R2 (the
    hour, which decides how many bicycles are rented), and there 0.16 and 0.21 among columns of
    many values (`rich`).

    >>> falls(0.94, 0.78, "binary"), falls(0.863, 0.753, "binary")
    (True, False)
    """
    step = worth_with - worth_without
    error = max(1.0 - worth_without, 1e-9)
    share = step / error
    if task == "regression":
        if rich and step >= 0.15 and share >= 0.3:
            return True
        return (step >= 0.10 and share >= 0.85) or (step >= 0.03 and share >= 0.93)
    return (step >= 0.10 and share >= 0.50) or (step >= 0.03 and share >= 0.70)


def cliff(curve: Peel, task: str, rich: Collection[str] = ()) -> Cliff | None:
    """The first cliff of a curve that was flat before it, or None.

    For a number, columns in `rich` (those of many values) need less of a fall.
    """
    for place in range(1, len(curve.scores)):
        before, after = curve.scores[place - 1], curve.scores[place]
        if curve.scores[0] - before > _GONE:
            return None
        if falls(before, after, task, rich=curve.removed[place - 1] in rich):
            return Cliff(place=place, before=before, after=after)
    return None
