"""Selective labels: whether a decision keeps outcomes from being known, and weights against that.

A loan that was refused never gets its label, so rows with a label are no sample of all rows. Where
a share of the refused was approved all the same, at random and with the probability logged, each
of those rows stands for many: rows are weighted by one over the chance that they had of a label
(Horvitz and Thompson, JASA 47 (1952) 663-685). Without that nothing in the data says what the
others would have been.

What is taken for granted: among rows of the decision that brings labels, whether a label has come
does not depend on it.
"""

from __future__ import annotations

import enum
import math
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from holdfast.records import Estimate
from holdfast.stats.effect import share_change
from holdfast.stats.intervals import wilson
from holdfast.stats.paired import t_quantile

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Texts = npt.NDArray[np.object_]

#: shares of labels that differ by less are taken for equal
MARGIN = 0.05
#: explored rows with a label that a correction rests on at least
EXPLORED = 30
#: the largest weight; the smallest is 1
BOUND = 100.0
#: outcomes that must have come before the time they take is measured, and the share of them
DELAYS, WITHIN = 200, 0.95


class Answer(enum.StrEnum):
    """Whether labels are selective, and whether that can be corrected."""

    NOT_SELECTIVE = "not_selective"
    CORRECTABLE = "correctable"
    NOT_CORRECTABLE = "not_correctable"
    COULD_NOT_TELL = "could_not_tell"


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about which rows get a label.

    Attributes:
        answer: the verdict.
        decision: the decision whose rows have a label most often; None without two decisions.
        share, others: share of rows with a label, with this decision and with any other; Wilson's
            intervals.
        difference: the first less the second, Newcombe's interval.
        p_value: of equal shares, two-sided (pooled z test); None without two decisions.
        explored: rows with a label and this decision that could have had another one.
        unreachable: rows that had no chance of this decision: no weight speaks of them.
        unknown: rows whose probability was not logged.
        sentences: all that in words.
    """

    answer: Answer
    decision: str | None = None
    share: Estimate = Estimate(value=None)
    others: Estimate = Estimate(value=None)
    difference: Estimate = Estimate(value=None)
    p_value: float | None = None
    explored: int = 0
    unreachable: int = 0
    unknown: int = 0
    sentences: tuple[str, ...] = ()


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """Weights of rows.

    Attributes:
        values: shape (n,): from 1 to `bound`, and 0 for a row that is left out.
        effective: how many rows of equal weight they are worth, ``(Σw)² / Σw²``.
        clipped: rows whose weight would have been above the bound; with any, an estimate is drawn
            toward the one without weights.
        bound: the largest weight.
    """

    values: Floats
    effective: float
    clipped: int
    bound: float


def selection(
    decision: Texts, labelled: Bools, propensity: Floats, *, level: float = 0.95
) -> Selection:
    """Whether labels are selective: the share of rows that have one, by decision.

    They are where the interval of the difference lies beyond `MARGIN`, they are not where it lies
    within, and else it could not be told. Give rows that are old enough for their label
    (`old_enough`): what did not come yet would be taken for what never comes.

    Args:
        decision: shape (n,), the decision given to each row; None where none was.
        labelled: shape (n,), whether the label has come.
        propensity: shape (n,), probability with which the row got this decision, in (0, 1]; NaN
            where it was not logged.
        level: coverage of the intervals.

    Example:
        >>> decision = np.array(["approve"] * 300 + ["refuse"] * 200, object)
        >>> found = selection(decision, decision == "approve", np.full(500, np.nan))
        >>> found.answer.value, round(found.difference.low, 2)
        ('not_correctable', 0.98)
        >>> selection(decision, np.arange(500) % 10 > 0, np.full(500, np.nan)).answer.value
        'could_not_tell'
    """
    decided = np.array([one is not None for one in decision], bool)
    decision, labelled, propensity = decision[decided], labelled[decided], propensity[decided]
    names = sorted({str(one) for one in decision})
    if len(names) < 2:
        told = "could not tell whether labels are selective: there are no rows of two decisions"
        return Selection(answer=Answer.COULD_NOT_TELL, sentences=(told,))
    best = max(names, key=lambda name: float(labelled[decision == name].mean()))
    given = (decision == best).astype(np.bool_)
    came, rows = int(labelled[given].sum()), int(given.sum())
    came_else, rows_else = int(labelled[~given].sum()), int((~given).sum())
    chance = chance_of(best, decision, propensity)
    found = Selection(
        answer=Answer.COULD_NOT_TELL,
        decision=best,
        share=wilson(came, rows, level),
        others=wilson(came_else, rows_else, level),
        difference=share_change(came_else, rows_else, came, rows, level),
        p_value=two_proportions(came, rows, came_else, rows_else),
        explored=int((labelled & given & (chance > 0) & (chance < 1)).sum()),
        unreachable=int((chance == 0).sum()),
        unknown=int(np.isnan(chance).sum()),
    )
    return _judged(found)


def _judged(found: Selection) -> Selection:
    low, high = found.difference.low or 0.0, found.difference.high or 0.0
    p = found.p_value or 0.0
    shares = (
        f"{found.share.value or 0:.1%} of the rows decided {found.decision!r} have their label, "
        f"{found.others.value or 0:.1%} of the others (a difference of {low:.1%} to {high:.1%}, "
        f"{'p < 0.0001' if p < 1e-4 else f'p = {p:.2g}'})"
    )
    if high < MARGIN:
        said = (f"labels are not selective: {shares}",)
        return msgspec.structs.replace(found, answer=Answer.NOT_SELECTIVE, sentences=said)
    if low <= MARGIN:
        said = (f"could not tell whether labels are selective: {shares}",)
        return msgspec.structs.replace(found, sentences=said)
    told = [f"labels are selective: {shares}"]
    answer = Answer.CORRECTABLE if found.explored >= EXPLORED else Answer.NOT_CORRECTABLE
    if answer is Answer.NOT_CORRECTABLE:
        told.append(
            f"this cannot be corrected: {found.explored:,} explored rows have their label, and "
            f"{EXPLORED} are needed; the table [serve.exploration] explores a share of the rows"
        )
    else:
        told.append(f"{found.explored:,} explored rows have their label and stand for the others")
        if found.unreachable:
            told.append(
                f"{found.unreachable:,} rows had no chance of a label: nothing speaks of them"
            )
        if found.unknown:
            told.append(
                f"of {found.unknown:,} rows it was not logged how likely their decision was: those "
                "among them that never get a label are not stood for"
            )
    return msgspec.structs.replace(found, answer=answer, sentences=tuple(told))


def two_proportions(marked: int, rows: int, marked_else: int, rows_else: int) -> float:
    """Two-sided p-value of equal shares: the z test with the pooled share.

    Args:
        marked: rows of one group that count.
        rows: its rows, at least 1.
        marked_else: rows of the other group that count.
        rows_else: its rows, at least 1.

    Example:
        >>> round(two_proportions(56, 70, 48, 80), 4), two_proportions(0, 5, 0, 9)
        (0.008, 1.0)
    """
    pooled = (marked + marked_else) / (rows + rows_else)
    error = math.sqrt(pooled * (1 - pooled) * (1 / rows + 1 / rows_else))
    if error == 0:
        return 1.0
    return math.erfc(abs(marked / rows - marked_else / rows_else) / error / math.sqrt(2))


def chance_of(wanted: str, decision: Texts, propensity: Floats) -> Floats:
    """The chance that each row had of a decision, from the probability of the one it got.

    Args:
        wanted: the decision asked about; with any other, the two are all there are.
        decision: shape (n,), the decision given.
        propensity: shape (n,), its probability; NaN where it was not logged.

    Example:
        >>> decision = np.array(["approve", "approve", "refuse", "refuse"], object)
        >>> chance_of("approve", decision, np.array([1, 0.25, 0.75, 1]))
        array([1.  , 0.25, 0.25, 0.  ])
    """
    found: Floats = np.where(decision == wanted, propensity, 1.0 - propensity)
    return found


def weights_of(chance: Floats, bound: float = BOUND) -> Weights:
    """Inverse-propensity weights, clipped; a mean by them is self-normalised (Hájek).

    Args:
        chance: shape (n,), the chance of a label that each row had, at most 1; 0 leaves a row out.
        bound: the largest weight, above 1.

    Example:
        >>> found = weights_of(np.array([1, 1, 0.25, 0.001, 0]))
        >>> found.values, round(found.effective, 2), found.clipped
        (array([  1.,   1.,   4., 100.,   0.]), 1.12, 1)
    """
    inverse = np.divide(1.0, chance, out=np.zeros(len(chance)), where=chance > 0)
    values = np.minimum(inverse, bound)
    squares = float((values**2).sum())
    return Weights(
        values=values,
        effective=float(values.sum()) ** 2 / squares if squares else 0.0,
        clipped=int((inverse > bound).sum()),
        bound=bound,
    )


def weighted_mean(
    losses: Floats, weights: Floats, groups: npt.NDArray[Any] | None = None, level: float = 0.95
) -> Estimate:
    """A self-normalised weighted mean with its interval.

    The variance is that of the linearised ratio, summed by group; the interval is Student's, with
    the degrees of freedom of a sum whose parts have these weights, ``(Σw²)² / Σw⁴ - 1``: a few
    large weights make it wide.

    Args:
        losses: shape (n,), finite.
        weights: shape (n,), 0 or more.
        groups: shape (n,), which rows were drawn together (those of one entity); None: each alone.
        level: coverage.

    Source: Hájek in Foundations of Statistical Inference (1971) 236; the degrees of freedom after
    Satterthwaite, Biometrics 2 (1946) 110-114.

    Example:
        >>> found = weighted_mean(np.array([0.0, 1.0] * 50), np.array([1.0, 3.0] * 50))
        >>> found.value, round(found.low, 3), round(found.high, 3)
        (0.75, 0.675, 0.825)
    """
    total, used = float(weights.sum()), int((weights > 0).sum())
    group = np.arange(len(weights)) if groups is None else np.unique(groups, return_inverse=True)[1]
    mass = np.bincount(group, weights)
    parts = int((mass > 0).sum())
    if parts < 2:
        return Estimate(
            value=None, level=level, n=used, method="hajek", why_not="fewer than 2 weighted rows"
        )
    mean = float((weights * losses).sum()) / total
    lean = np.bincount(group, weights * (losses - mean))
    error = math.sqrt(float((lean**2).sum()) * parts / (parts - 1)) / total
    freedom = max(1.0, float((mass**2).sum()) ** 2 / float((mass**4).sum()) - 1)
    half = t_quantile(level, freedom) * error
    return Estimate(
        value=mean, low=mean - half, high=mean + half, level=level, n=used, method="hajek"
    )


def old_enough(received: Ints, came: Floats) -> Bools:
    """Rows so old that 95 of 100 labels would have come by the time the last one came.

    Args:
        received: shape (n,), when each row was decided, microseconds since 1970 (UTC).
        came: shape (n,), when its label came, same unit; NaN where it has not.

    Returns:
        Shape (n,); all False while fewer than `DELAYS` labels have come.

    Example:
        >>> received = np.arange(1_000)
        >>> int(old_enough(received, np.where(received < 900, received + 100.0, np.nan)).sum())
        900
    """
    known = ~np.isnan(came)
    if int(known.sum()) < DELAYS:
        return np.zeros(len(received), bool)
    delay = float(np.quantile(np.maximum(came[known] - received[known], 0), WITHIN))
    found: Bools = received <= float(came[known].max()) - delay
    return found
