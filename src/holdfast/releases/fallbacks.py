"""Fallback models: for a missing field, the best of several ways to do without it, measured."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from holdfast.errors import ModelError
from holdfast.evaluation.costs import Costs
from holdfast.evaluation.decisions import evaluate
from holdfast.evaluation.metrics import METRICS, row_costs
from holdfast.evaluation.record import Evaluation
from holdfast.models.base import Model, Scores
from holdfast.models.blend import BlendModel
from holdfast.models.boosted import train_boosted, train_mixture
from holdfast.models.nulled import NulledModel
from holdfast.releases.material import Part, Trainer

#: methods in the order of preference when they are equally good
METHODS = ("refit", "nulled", "mixture", "boosted", "blend")
#: methods that other methods are made of; a blend takes the mixture where there is one
NEEDS = {"blend": ("mixture", "refit", "boosted")}
#: log loss that a method must gain to be taken instead of an earlier one
MARGIN = 1e-4
#: fields whose pairs get a fallback of their own
PAIRED = 3
#: sizes of larger groups, besides all fields together
GROUPS = (3, 5)


class Candidate:
    """A fallback that was trained and measured.

    Attributes:
        without: fields it does without.
        method: the method that won.
        model: its model.
        threshold: rows scoring at or above it are decided positive.
        evaluation: its metrics on validation rows.
        main_when_missing: expected cost of the main model fed with nulls instead; None when it
            cannot answer.
        considered: log loss on validation of every method tried.
    """

    def __init__(
        self,
        without: tuple[str, ...],
        method: str,
        model: Model,
        threshold: float,
        evaluation: Evaluation,
        main_when_missing: float | None,
        considered: dict[str, float],
    ) -> None:
        self.without, self.method, self.model = without, method, model
        self.threshold, self.evaluation = threshold, evaluation
        self.main_when_missing, self.considered = main_when_missing, considered

    @property
    def good(self) -> bool:
        """Whether it is cheaper than one constant decision for all, beyond chance."""
        return self.evaluation.passed is True


def log_loss(positive: npt.NDArray[np.bool_], scores: Scores) -> float:
    """Mean negative log likelihood; a proper score, steadier than costs for choosing.

    >>> round(log_loss(np.array([True, False]), np.array([0.5, 0.5])), 3)
    0.693
    """
    p = np.clip(scores, 1e-6, 1 - 1e-6)
    return float(-np.where(positive, np.log(p), np.log(1 - p)).mean())


class Workshop:
    """Trains and measures fallbacks.

    Args:
        main: the main model.
        trainer: trains the caller's kind of model again.
        train: rows to train on.
        validation: rows to choose and measure on.
        costs: cost of each kind of decision.
        threshold: the main model's threshold.
        matched: choose each fallback's threshold so that it decides "positive" as often as the
            main model does on validation rows (when the threshold was given, not derived from
            costs, the scores may not be probabilities).
        seed: seed of training and intervals.
    """

    def __init__(
        self,
        main: Model,
        trainer: Trainer,
        train: Part,
        validation: Part,
        *,
        costs: Costs,
        threshold: float,
        matched: bool,
        seed: int,
    ) -> None:
        self.main, self.trainer, self.train, self.validation = main, trainer, train, validation
        self.costs, self.threshold, self.matched, self.seed = costs, threshold, matched, seed
        self._main_rate = float((main.predict_table(validation.table) >= threshold).mean())

    def make(self, without: Sequence[str], *, thorough: bool = True) -> Candidate | None:
        """The best way to do without some fields; None when none works.

        Args:
            without: the fields.
            thorough: try every method; else only the two cheap ones, ``nulled`` and ``boosted``.
        """
        dropped = tuple(without)
        tried = self.options(self.train, dropped, thorough=thorough)
        scored: dict[str, tuple[float, Model, Scores]] = {}
        for method, model in tried.items():
            try:
                scores = model.predict_table(self.validation.table)
            except ModelError:
                continue
            if np.isfinite(scores).all():
                scored[method] = (log_loss(self.validation.positive, scores), model, scores)
        if not scored:
            return None
        chosen = next(iter(scored))
        for method, (loss, _, _) in scored.items():
            if loss < scored[chosen][0] - MARGIN:
                chosen = method
        _, model, scores = scored[chosen]
        threshold = self._threshold(scores)
        return Candidate(
            dropped,
            chosen,
            model,
            threshold,
            evaluate(
                self.validation.positive,
                scores,
                costs=self.costs,
                threshold=threshold,
                metrics=tuple(METRICS),
                seed=self.seed,
            ),
            self._main_when_missing(dropped),
            {method: round(loss, 6) for method, (loss, _, _) in scored.items()},
        )

    def options(
        self,
        part: Part,
        without: tuple[str, ...],
        *,
        thorough: bool = True,
        only: str | None = None,
    ) -> dict[str, Model]:
        """Every way to do without some fields, trained on a part, in the order of `METHODS`.

        Args:
            part: rows to train on.
            without: the fields.
            thorough: train all; else only the two cheap ones, ``nulled`` and ``boosted``.
            only: a method; nothing is trained but what it needs.
        """
        wanted = METHODS if only is None else NEEDS.get(only, (only,))
        found: dict[str, Model] = {}
        kept = [name for name in self.main.features if name not in without]
        if kept:
            found["nulled"] = NulledModel(self.main, without)
        try:
            if "mixture" in wanted and len(without) == 1 and thorough:
                mixture = train_mixture(self.main, part.table, without[0], seed=self.seed)
                if mixture is not None:
                    found["mixture"] = mixture
            if "boosted" in wanted and kept:
                found["boosted"] = train_boosted(
                    part.table, kept, part.positive, label=self.main.positive, seed=self.seed
                )
        except ModelError:
            pass  # inputs that a booster cannot take (times, texts as lists): the refit remains
        if "refit" in wanted and thorough and not (only == "blend" and "mixture" in found):
            again = self.trainer.train(part, without)
            if again is not None:
                found["refit"] = again
        if "boosted" in found and ("mixture" in found or "refit" in found):
            partner = found["mixture"] if "mixture" in found else found["refit"]
            found["blend"] = BlendModel([partner, found["boosted"]])
        return {method: found[method] for method in METHODS if method in found}

    def _threshold(self, scores: Scores) -> float:
        if not self.matched:
            return self.threshold
        return float(np.quantile(scores, 1.0 - self._main_rate))

    def _main_when_missing(self, without: tuple[str, ...]) -> float | None:
        try:
            scores = NulledModel(self.main, without).predict_table(self.validation.table)
        except ModelError:
            return None
        if not np.isfinite(scores).all():
            return None
        decided = scores >= self.threshold
        return float(row_costs(self.validation.positive, decided, self.costs).mean())


def joint_sets(ranked: Sequence[str]) -> list[tuple[str, ...]]:
    """Sets of fields that get a joint fallback: pairs of the first three, then ever larger groups.

    Args:
        ranked: fields with a fallback of their own, the most harmful first.

    >>> joint_sets(["a", "b", "c", "d"])
    [('a', 'b'), ('a', 'c'), ('b', 'c'), ('a', 'b', 'c'), ('a', 'b', 'c', 'd')]
    """
    found: list[tuple[str, ...]] = list(combinations(ranked[:PAIRED], 2))
    sizes = sorted({size for size in (*GROUPS, len(ranked)) if 2 < size <= len(ranked)})
    return [*found, *(tuple(ranked[:size]) for size in sizes)]
