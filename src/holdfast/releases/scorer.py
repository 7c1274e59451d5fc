"""The scorer: guard, main model and fallbacks behind one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from holdfast.contracts.model import Outcome, Policy, Verdict, Violation
from holdfast.errors import HoldfastError
from holdfast.models.base import Model, Scores
from holdfast.releases.answer import Answer, mark_texts

_OK = Outcome.OK
_DEGRADED = Outcome.DEGRADED
_ABSTAINED = Outcome.ABSTAINED

#: sets of missing fields whose model is remembered
MOST_CHOSEN = 4_096
#: field name in the violation that says a model could not answer
MODEL = ""
MODEL_ERROR = "model_error"


class Member:
    """One model that can answer, with its threshold.

    Attributes:
        without: fields it does without; empty for the main model.
        model: the model.
        threshold: rows scoring at or above it get the second decision.
    """

    __slots__ = ("lacks", "model", "threshold", "without")

    def __init__(self, without: tuple[str, ...], model: Model, threshold: float) -> None:
        self.without = without
        self.lacks = frozenset(without)
        self.model = model
        self.threshold = threshold


class Scorer:
    """Answers rows: guarded, by the main model or a fallback, or not at all.

    Args:
        guard: a function from a row to its `Verdict`, with ``batch`` for many.
        main: the main model.
        fallbacks: models for missing fields.
        decisions: labels below the threshold and at or above it.
    """

    def __init__(
        self,
        guard: Any,
        main: Member,
        fallbacks: Sequence[Member],
        decisions: tuple[str, str],
    ) -> None:
        self.guard = guard
        self.decisions = decisions
        self._main = main
        self._predict_one: Callable[[Mapping[str, Any]], float] = main.model.predict_one
        self._threshold = main.threshold
        self._below, self._above = decisions
        # the fewest fields left out first; equal numbers in the order of the release
        self._fallbacks = sorted(fallbacks, key=lambda member: len(member.without))
        self._chosen: dict[frozenset[str], Member | None] = {}

    def check(self, rows: Sequence[dict[str, Any]]) -> list[Verdict]:
        """The guard's verdicts only, for predictions made elsewhere."""
        verdicts: list[Verdict] = self.guard.batch(rows)
        return verdicts

    def answer_one(self, row: dict[str, Any]) -> Answer:
        """Answer one row; the same as ``answer([row])[0]``."""
        verdict: Verdict = self.guard(row)
        if verdict.outcome is _OK:
            try:
                score = self._predict_one(verdict.values)
            except HoldfastError:
                return _unanswerable(verdict)
            if score == score:
                return Answer(
                    score,
                    self._above if score >= self._threshold else self._below,
                    _OK,
                    verdict.violations,
                )
            return _unanswerable(verdict)
        return self.answer_verdicts([verdict])[0]

    def answer(self, rows: Sequence[dict[str, Any]]) -> list[Answer]:
        """Answer rows: one call of each model that is needed.

        A row whose missing fields no fallback covers is ``abstained``; so is a row that a model
        cannot score. Nothing is guessed.
        """
        if len(rows) == 1:
            return [self.answer_one(rows[0])]
        return self.answer_verdicts(self.guard.batch(rows))

    def answer_table(self, table: pa.Table, *, rows: int = 65_536) -> pa.Table:
        """Answer a table in slices.

        Args:
            table: columns as in the contract; others are ignored.
            rows: rows of a slice.

        Returns:
            Columns ``score``, ``decision``, ``verdict``, ``fallback``, ``marks``, row by row.
        """
        parts = [
            self.answers(table.slice(start, rows).to_pylist())
            for start in range(0, table.num_rows, rows)
        ]
        return pa.concat_tables(parts) if parts else _as_table([])

    def answers(self, rows: Sequence[dict[str, Any]]) -> pa.Table:
        """Answer rows, as a table with the columns of `answer_table`."""
        return _as_table(self.answer(rows))

    def member_for(self, missing: frozenset[str]) -> Member | None:
        """The model that answers when these fields are missing; None when none does."""
        if not missing:
            return self._main
        if missing not in self._chosen:
            found = next((m for m in self._fallbacks if missing <= m.lacks), None)
            if found is None and not missing & set(self._main.model.features):
                found = self._main  # the model does not use them
            if len(self._chosen) >= MOST_CHOSEN:  # what is missing comes from clients
                self._chosen.clear()
            self._chosen[missing] = found
        return self._chosen[missing]

    def answer_verdicts(self, verdicts: Sequence[Verdict]) -> list[Answer]:
        """Answer rows that a guard has judged, by the values and missing fields it gives."""
        answers: list[Answer | None] = [None] * len(verdicts)
        main: list[int] = []
        others: dict[Member, list[int]] = {}
        for index, verdict in enumerate(verdicts):
            outcome = verdict.outcome
            if outcome is _OK or (outcome is _DEGRADED and not verdict.missing):
                main.append(index)
            elif outcome is _DEGRADED:
                member = self.member_for(frozenset(verdict.missing))
                if member is self._main:
                    main.append(index)
                elif member is not None:
                    others.setdefault(member, []).append(index)
                else:
                    answers[index] = Answer(None, None, _ABSTAINED, verdict.violations)
            else:
                answers[index] = Answer(None, None, outcome, verdict.violations)
        if main:
            self._fill(self._main, main, verdicts, answers)
        for member, chosen in others.items():
            self._fill(member, chosen, verdicts, answers)
        return answers  # type: ignore[return-value]  # every place is filled above

    def _fill(
        self,
        member: Member,
        chosen: list[int],
        verdicts: Sequence[Verdict],
        answers: list[Answer | None],
    ) -> None:
        """Score the chosen rows by one model and write their answers."""
        scores = _scores(member.model, [verdicts[index].values for index in chosen])
        fallback = member.without or None
        for index, score in zip(chosen, scores.tolist(), strict=True):
            verdict = verdicts[index]
            if score == score:
                decision = self._above if score >= member.threshold else self._below
                answers[index] = Answer(
                    score, decision, verdict.outcome, verdict.violations, fallback
                )
            else:
                answers[index] = _unanswerable(verdict)


def _scores(model: Model, rows: list[dict[str, Any]]) -> Scores:
    """Scores of many rows; a row that cannot be scored gets NaN and spoils no other."""
    try:
        return model.predict(rows)
    except HoldfastError:
        if len(rows) == 1:
            return np.array([np.nan])
    half = len(rows) // 2
    return np.concatenate([_scores(model, rows[:half]), _scores(model, rows[half:])])


def _unanswerable(verdict: Verdict) -> Answer:
    """The answer when a model could not score a row that the guard let through."""
    said = Violation(MODEL, MODEL_ERROR, Policy.ABSTAIN)
    return Answer(None, None, _ABSTAINED, (*verdict.violations, said))


def _as_table(answers: Sequence[Answer]) -> pa.Table:
    return pa.table(
        {
            "score": pa.array([a.score for a in answers], pa.float64()),
            "decision": pa.array([a.decision for a in answers], pa.string()),
            "verdict": pa.array([a.verdict.value for a in answers], pa.string()),
            "fallback": pa.array(
                [None if a.fallback is None else ",".join(a.fallback) for a in answers],
                pa.string(),
            ),
            "marks": pa.array([mark_texts(a.violations) for a in answers], pa.list_(pa.string())),
        }
    )
