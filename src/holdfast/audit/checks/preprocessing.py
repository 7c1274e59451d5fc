"""Preprocessing or feature selection before the split: shown by running the procedure itself."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from holdfast.audit.case import Case
from holdfast.audit.columns import Floats, Rows
from holdfast.audit.procedures import Frames, arguments, asked, is_estimator, ran
from holdfast.audit.record import LeakFinding, Verdict, Worth
from holdfast.audit.scoring import paired, quality
from holdfast.errors import ModelError
from holdfast.findings import Severity

#: rows that a procedure is run on
_ROWS = 3000
#: runs with shuffled labels
_SHUFFLES = 10
#: what shuffled labels must score above chance, and by how many standard errors
_ABOVE, _ERRORS = 0.02, 4.0
#: what a model that knows the test rows gains at least
_GAIN = 0.01


class Preprocessing:
    """Controls that a clean procedure passes exactly, and a leaky one cannot.

    * Estimator with a test table: the model as given against the same model refitted on the
      training rows.
    * Procedure (train, test): the answer must not change when the labels of the test rows are
      shuffled, nor, row by row, when other test rows are left out.
    * Any procedure: with all labels shuffled it must score at chance.
    """

    code = "HF-L-PREPROCESSING"
    type = "preprocessing or feature selection before the split"
    asked_by: tuple[str, ...] = ("model",)

    def needs(self, case: Case) -> str | None:
        """A target, and a model or procedure that can be run."""
        if case.task == "none":
            return "a target with two values"
        if case.model is None:
            return "the model (fit and predict) with a test table, or the procedure (train, test)"
        if is_estimator(case.model):
            return None if case.test is not None and case.test_target else "a labelled test table"
        return None if callable(case.model) else "something with fit and predict, or a function"

    def run(self, case: Case) -> list[LeakFinding]:
        """The controls that fit what was given."""
        if is_estimator(case.model):
            return self._refit(case)
        if arguments(case.model) == 1:
            return self._whole(case)
        return self._split(case)

    def _refit(self, case: Case) -> list[LeakFinding]:
        from sklearn.base import clone

        if case.test is None or case.test_target is None or case.target is None:
            return []
        train = Frames(case.sources[0], case.train.arrow())
        test = Frames(case.sources[1], case.test.arrow())
        name = case.target.name
        every = np.arange(case.test.num_rows)
        x, _ = test.split(every, name, case.features)
        try:
            given = asked(case, case.model, x, len(every))
        except ModelError:
            return []  # not fitted: it is fitted inside every fold, as it should be
        fitted = clone(case.model).fit(*train.split(np.arange(case.n), name, case.features))
        honest = asked(case, fitted, x, len(every))
        lift = paired(case.test_target.y, case.task, case.metric, given, honest)
        if lift is None or lift.low <= _GAIN:
            return []
        told = (
            "the model as given scores better on the test rows than the same model refitted on "
            f"the training rows: {case.metric} {lift.with_:.2f} against {lift.without:.2f}"
        )
        return [self._finding(told, lift, {"test_rows": len(every)}, "It has seen the test rows")]

    def _split(self, case: Case) -> list[LeakFinding]:
        frame, train, test = _halves(case)
        name = case.target.name if case.target is not None else ""
        y = case.y[test]
        rng = case.rng("procedure")

        def answer(rows: Rows, labels: Rows | None = None) -> Floats:
            table = frame.rows(rows) if labels is None else frame.relabelled(rows, name, labels)
            return ran(case, case.model, len(rows), frame.rows(train), table)

        plain = answer(test)
        noise = _moved(plain, answer(test))
        found = []
        shuffled = answer(test, rng.permutation(test))
        if _moved(plain, shuffled) > 10.0 * noise + 1e-9:
            told = "the procedure's answers change with the labels of the test rows: it reads them"
            found.append(self._control(case, y, plain, shuffled, told, "shuffled test labels"))
        half = np.sort(rng.permutation(len(test))[: len(test) // 2])
        alone = answer(test[half])
        if _moved(plain[half], alone) > 10.0 * noise + 1e-9:
            told = (
                "the procedure's answers for the same rows change when other test rows are left "
                "out: something in it is fitted on the test rows"
            )
            found.append(
                self._control(case, y[half], plain[half], alone, told, "test rows left out")
            )
        if found:
            return found
        return self._shuffles(case, lambda table_rows, labels: _on_split(
            case, frame, name, train, test, labels), len(test), y, test)  # fmt: skip

    def _whole(self, case: Case) -> list[LeakFinding]:
        frame = Frames(case.sources[0], case.train.arrow())
        name = case.target.name if case.target is not None else ""
        rows = case.subset(_ROWS, "procedure")

        def run(table_rows: Rows, labels: Rows) -> Floats:
            table = frame.relabelled(rows, name, labels)
            return ran(case, case.model, len(rows), table)

        return self._shuffles(case, run, len(rows), case.y[rows], rows)

    def _shuffles(self, case: Case, run: Any, n: int, y: Floats, rows: Rows) -> list[LeakFinding]:
        """The whole procedure on shuffled labels, which must score at chance."""
        rng = case.rng("shuffles")
        scores = []
        for _ in range(_SHUFFLES):
            mixed = rng.permutation(rows)
            score = quality(case.y[mixed], run(rows, mixed), case.task)
            if math.isfinite(score):
                scores.append(score)
        if len(scores) < _SHUFFLES // 2:
            return []
        chance = 0.0 if case.task == "regression" else 0.5
        mean = float(np.mean(scores))
        error = float(np.std(scores, ddof=1)) / math.sqrt(len(scores))
        if mean - chance < _ABOVE or mean - chance < _ERRORS * error:
            return []
        half = 2.26 * error
        worth = Worth(
            metric=case.metric, with_=mean, without=chance,
            low=mean - chance - half, high=mean - chance + half,
        )  # fmt: skip
        told = (
            f"with shuffled labels the procedure still scores {case.metric} {mean:.2f}, where "
            f"{chance:g} is chance: its test rows take part in the training"
        )
        evidence = {"shuffles": len(scores), "scores": [round(s, 4) for s in scores]}
        return [self._finding(told, worth, evidence, "Selection, encoding or resampling")]

    def _control(
        self, case: Case, y: Floats, plain: Floats, other: Floats, told: str, how: str
    ) -> LeakFinding:
        lift = paired(y, case.task, case.metric, plain, other)
        evidence = {"control": how, "mean_change": _moved(plain, other), "rows": len(y)}
        return self._finding(told, lift, evidence, "A step")

    def _finding(
        self, told: str, worth: Worth | None, evidence: dict[str, Any], who: str
    ) -> LeakFinding:
        return LeakFinding(
            code=self.code,
            severity=Severity.CRITICAL,
            verdict=Verdict.PROVEN,
            sentence=told,
            evidence=evidence,
            worth=worth,
            remedy=f"{who} must be fitted after the split, on training rows only: put every step "
            "into one pipeline and refit it inside each fold.",
        )


def _halves(case: Case) -> tuple[Frames, Rows, Rows]:
    """The training table as the user's kind, and two thirds and one third of its rows."""
    frame = Frames(case.sources[0], case.train.arrow())
    rows = case.rng("halves").permutation(case.subset(_ROWS, "procedure"))
    cut = 2 * len(rows) // 3
    return frame, np.sort(rows[:cut]), np.sort(rows[cut:])


def _on_split(
    case: Case, frame: Frames, name: str, train: Rows, test: Rows, labels: Rows
) -> Floats:
    """The procedure with shuffled labels on both sides."""
    mixed = case.rng("mixed").permutation(train)
    return ran(
        case, case.model, len(test),
        frame.relabelled(train, name, mixed), frame.relabelled(test, name, labels),
    )  # fmt: skip


def _moved(a: Floats, b: Floats) -> float:
    """Mean absolute difference of two answers."""
    return float(np.abs(a - b).mean()) if len(a) else 0.0
