"""The rivals that are always there, and the gain over each with its paired interval."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from holdfast.evaluation.costs import cost_threshold
from holdfast.evaluation.inputs import as_scores
from holdfast.evaluation.metrics.sample import Sample
from holdfast.evaluation.rivals import best_column, feature_table, folds, logistic_scores
from holdfast.evaluation.threshold import best_threshold
from holdfast.findings import Finding, Severity
from holdfast.records import Estimate
from holdfast.stats.binned import Binned
from holdfast.stats.ranked import Ranked
from holdfast.stats.resampling import quantile_interval

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

#: units whose cost differs, below which no gain is evident (the exact sign test needs six)
LEAST_DIFFERENT = 6


class Verdict(enum.StrEnum):
    """What the paired interval says about a gain."""

    BETTER = "better"
    NO_EVIDENCE = "no evidence of gain"
    WORSE = "worse"


class Baseline(msgspec.Struct, frozen=True):
    """What a rival reaches that gives every row the same answer.

    Attributes:
        accuracy: of always answering the majority class.
        expected_cost: of always making the cheaper of the two decisions.
        decision: that cheaper decision, ``negative`` or ``positive``.
        pr_auc: of random scores, the share of positives.
        treat_all_cost, treat_none_cost: of deciding positive and negative every time.
        treat_all_benefit: net benefit of deciding positive every time, at the odds the costs
            imply; deciding negative every time has 0.
    """

    accuracy: float
    expected_cost: float
    decision: str
    pr_auc: float
    treat_all_cost: float | None = None
    treat_none_cost: float | None = None
    treat_all_benefit: float | None = None


class Rival(msgspec.Struct, frozen=True, kw_only=True):
    """One rival on the same rows.

    Attributes:
        meaning: what the rival is, in words.
        expected_cost, accuracy, roc_auc, pr_auc: its own numbers; None where it has none.
        gain: what a row costs less with the model than with the rival, paired.
        auc_gain: how much higher the model's AUC is, paired; None where a class is absent.
        verdict: ``better``, ``no evidence of gain`` or ``worse``, by the interval of `gain`.
        column: the column, for the best single one.
    """

    meaning: str
    expected_cost: float
    accuracy: float | None
    roc_auc: float | None
    pr_auc: float | None
    gain: Estimate
    auc_gain: Estimate | None
    verdict: Verdict
    column: str = ""


class _Contender(msgspec.Struct, frozen=True, kw_only=True):
    meaning: str
    cost: Any
    decided: Any = None
    score: Any = None
    column: str = ""


def constant_baseline(s: Sample) -> Baseline:
    """The rival that gives every row the same answer."""
    share = s.positives / s.n
    negative, positive = float(s.prices.if_negative.mean()), float(s.prices.if_positive.mean())
    limit = cost_threshold(s.costs)
    return Baseline(
        accuracy=max(share, 1 - share),
        expected_cost=min(negative, positive),
        decision="negative" if negative <= positive else "positive",
        pr_auc=share,
        treat_all_cost=positive,
        treat_none_cost=negative,
        treat_all_benefit=share - (1 - share) * limit / (1 - limit),
    )


def compare_baselines(
    s: Sample,
    *,
    capacity: float | None = None,
    threshold: float | None = None,
    features: Any = None,
    champion: Any = None,
    others: Mapping[str, Any] | None = None,
) -> dict[str, Rival]:
    """Every rival that can be had, by name.

    Args:
        s: the model on the rows.
        capacity: rows that can be looked at; scores then decide their highest ones.
        threshold: the caller's own threshold, which a champion shares.
        features: table of n rows; gives ``single_column`` and ``logistic_regression``, both
            learnt from these rows in five folds.
        champion: shape (n,), scores of the model in service on the same rows.
        others: name → scores, further rivals.
    """
    found: dict[str, _Contender] = {
        "majority": _majority(s),
        "prior": _prior(s, capacity),
    }
    if features is not None:
        table = feature_table(features, s.n)
        fold = folds(s.units, s.n, s.seed)
        one = best_column(table, s.positive, fold)
        if one is not None:
            name, score = one
            found["single_column"] = _scored(
                s, score, f"the best single column, {name}", capacity, None, name
            )
        all_columns = logistic_scores(table, s.positive, fold, s.seed)
        if all_columns is not None:
            found["logistic_regression"] = _scored(
                s, all_columns, "a logistic regression on the features", capacity, None
            )
    for name, scores in (others or {}).items():
        score = as_scores(scores, s.n, f"score of {name}")
        found[name] = _scored(s, score, name, capacity, threshold)
    if champion is not None:
        score = as_scores(champion, s.n, "champion's score")
        found["champion"] = _scored(s, score, "the current champion", capacity, threshold)
    own = s.prices.of(s.decided)
    return {name: _compare(s, own, rival) for name, rival in found.items()}


def _majority(s: Sample) -> _Contender:
    positive = 2 * s.positives > s.n
    decided = np.full(s.n, positive)
    word = "positive" if positive else "negative"
    return _Contender(
        meaning=f"deciding {word} every time, the majority class",
        cost=s.prices.of(decided),
        decided=decided,
    )


def _prior(s: Sample, capacity: float | None) -> _Contender:
    share = s.positives / s.n
    if capacity is not None and capacity < s.n:
        change = s.prices.if_positive - s.prices.if_negative
        part = capacity / s.n if change.mean() < 0 else 0.0
        meaning = "reviewing rows at random" if part else "reviewing nothing"
        return _Contender(meaning=meaning, cost=s.prices.if_negative + part * change)
    decided = np.asarray(share >= s.prices.threshold) & np.ones(s.n, bool)
    meaning = "the share of positives as every row's score"
    return _Contender(meaning=meaning, cost=s.prices.of(decided), decided=decided)


def _scored(
    s: Sample,
    score: Floats,
    meaning: str,
    capacity: float | None,
    threshold: float | None,
    column: str = "",
) -> _Contender:
    limit = s.prices.threshold if threshold is None else threshold
    if threshold is None and not 0.0 <= float(score.min()) <= float(score.max()) <= 1.0:
        limit = best_threshold(
            Ranked(s.positive, score), s.prices.if_positive, s.prices.if_negative
        )
    decided = score >= limit
    if capacity is not None and decided.sum() > capacity:
        top = np.argsort(-score, kind="stable")[: int(capacity)]
        first = np.zeros(s.n, bool)
        first[top] = True
        decided = decided & first
    return _Contender(
        meaning=meaning, cost=s.prices.of(decided), decided=decided, score=score, column=column
    )


def _compare(s: Sample, own: Floats, rival: _Contender) -> Rival:
    gain = _gain(s, rival.cost - own)
    verdict = Verdict.NO_EVIDENCE
    if gain.low is not None and gain.low > 0.0:
        verdict = Verdict.BETTER
    if gain.high is not None and gain.high < 0.0:
        verdict = Verdict.WORSE
    both = 0 < s.positives < s.n
    auc = 0.5 if both else None
    area = s.positives / s.n if both else None
    auc_gain: Estimate | None = None
    if rival.score is not None and both:
        ranked = Ranked(s.positive, rival.score)
        auc, area = ranked.roc_auc(), ranked.average_precision()
        draws = s.binned.roc_auc() - Binned(ranked, s.merged[0], s.weights).roc_auc()
        value = s.ranked.roc_auc() - auc
        low, high = quantile_interval(draws, s.level)
        auc_gain = Estimate(
            value=value, low=min(low, value), high=max(high, value), level=s.level, n=s.n,
            unit="probability", method="bootstrap, paired", positives=s.positives,
        )  # fmt: skip
    accuracy = None if rival.decided is None else float((rival.decided == s.positive).mean())
    return Rival(
        meaning=rival.meaning, expected_cost=float(rival.cost.mean()), accuracy=accuracy,
        roc_auc=auc, pr_auc=area, gain=gain, auc_gain=auc_gain, verdict=verdict,
        column=rival.column,
    )  # fmt: skip


def _gain(s: Sample, saved: Floats) -> Estimate:
    value = float(saved.mean())
    low, high = quantile_interval(s.means(saved), s.level)
    different = int((s.units.sums(np.abs(saved)) > 0).sum())
    low, high = min(low, value), max(high, value)
    if different < LEAST_DIFFERENT:
        low, high = min(low, 0.0), max(high, 0.0)
    return Estimate(
        value=value, low=low, high=high, level=s.level, n=s.n, unit="cost per row",
        method="bootstrap, paired", positives=s.positives,
    )  # fmt: skip


def baseline_findings(rivals: Mapping[str, Rival]) -> list[Finding]:
    """A finding for each rival that is not beaten; equal rivals are named once."""
    out: list[Finding] = []
    for name, rival in rivals.items():
        same = name == "prior" and rival.gain == rivals["majority"].gain
        if rival.verdict is Verdict.BETTER or same:
            continue
        gain = rival.gain
        low, high = _plain(gain.low), _plain(gain.high)
        worse = rival.verdict is Verdict.WORSE
        if worse:
            start = f"worse than {rival.meaning}: it costs {_plain(-(gain.value or 0.0))} a row "
            start += f"more (saving {_plain(gain.value)}, interval {low} to {high})"
        else:
            start = f"no evidence of gain over {rival.meaning}: it saves {_plain(gain.value)} a "
            start += f"row, interval {low} to {high}"
        out.append(
            Finding(
                code="HF-E003" if worse else "HF-E002",
                severity=Severity.ERROR if worse else Severity.WARNING,
                sentence=start,
                columns=(rival.column,) if rival.column else (),
                evidence={
                    "baseline": name, "gain": gain.value, "low": gain.low, "high": gain.high,
                },
                remedy="use the simpler rival, or set the threshold by the costs"
                if worse
                else "more labelled rows, or keep the simpler rival",
            )
        )  # fmt: skip
    return out


def _plain(value: float | None) -> str:
    """A number in four digits, without a minus zero."""
    return "unknown" if value is None else f"{value + 0.0:.4g}"
