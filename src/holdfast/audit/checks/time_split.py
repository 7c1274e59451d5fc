"""A split that mixes past and future, measured as random folds against folds that go forward."""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.audit.case import Case
from holdfast.audit.record import LeakFinding, Verdict, Worth
from holdfast.audit.rows.compared import row_numbers
from holdfast.audit.sizing import by_folds, by_groups
from holdfast.audit.words import expect
from holdfast.findings import Severity
from holdfast.frames.types import Storage
from holdfast.reports.naming import names

#: share of test rows before the last training row that is more than rows at the border
_SHARE = 0.01
#: gain of random over forward folds from which a table without a split is worth a question
_GAIN = 0.02
_MOMENT_GAIN = 0.01
_FEWEST = 200
_TIMES = {Storage.TIME, Storage.INT, Storage.FLOAT}


class TimeSplit:
    """Training rows later than test rows: the model has seen the time it is tested on."""

    code = "HF-L-TIME-SPLIT"
    type = "past and future mixed by the split"
    asked_by: tuple[str, ...] = ("event_time",)

    def needs(self, case: Case) -> str | None:
        """An event time, declared or the only column of times."""
        name = _time(case)
        if name is None:
            return "the time of the decision (--event-time)"
        if case.column(name).storage not in _TIMES:
            return f"an event time of times or numbers ({names([name])} holds neither)"
        return None if case.n >= _FEWEST else f"{_FEWEST} training rows"

    def run(self, case: Case) -> list[LeakFinding]:
        """At most one finding."""
        name = _time(case)
        assert name is not None  # noqa: S101
        view = case.column(name)
        if not view.present_count or view.bounds[0] == view.bounds[1]:
            return []
        declared = name == case.roles.event_time
        mixed = _mixed(case, name)
        if mixed is not None and mixed.mean() <= _SHARE:
            return []  # the split goes forward
        forward = self._forward(case, name)
        moments = self._moments(case, name)
        proven = declared and mixed is not None
        later = _worthwhile(forward)
        if not proven and not later and not _worthwhile(moments, _MOMENT_GAIN):
            return []
        gain = forward if proven or later else moments
        evidence: dict[str, Any] = {"time_column": name}
        if mixed is None:
            sentence = f"a random split of these rows mixes past and future by {names([name])}"
        else:
            early = np.flatnonzero(mixed)
            evidence["test_rows_before_the_last_training_row"] = len(early)
            evidence["share"] = round(float(mixed.mean()), 4)
            evidence["rows"] = row_numbers(case, early, test=True)
            evidence["training_rows"] = row_numbers(case, _latest(case, name))
            sentence = (
                f"{len(early):,} test rows ({mixed.mean():.1%}) are earlier than the last training "
                f"row by {names([name])}: the split mixes past and future"
            )
        if moments is not None:
            evidence["same_moment_kept_together"] = round(moments.without, 4)
        if gain is not None and gain.low > 0.0:
            how = "with each moment on one side" if gain is moments else "forward in time"
            sentence += f"; {how} {expect(gain)}"
        return [
            LeakFinding(
                code=self.code,
                severity=Severity.ERROR if _worthwhile(gain) else Severity.WARNING,
                verdict=Verdict.PROVEN if proven else Verdict.SUSPECT,
                columns=(name,),
                sentence=sentence,
                evidence=evidence,
                worth=gain,
                remedy="Train on the rows before a day and test on those after it, with the delay "
                "of the label as a gap. Rows of one moment belong on one side.",
            )
        ]

    @staticmethod
    def _forward(case: Case, name: str) -> Worth | None:
        if name != case.roles.event_time:
            return _found_forward(case, name)
        return by_folds(case, case.honest, case.folds("forward"))

    @staticmethod
    def _moments(case: Case, name: str) -> Worth | None:
        """Random folds against folds that keep each moment together, where moments come again."""
        numbers = np.unique(case.group_codes(name), return_inverse=True)[1]
        count = int(numbers.max()) + 1
        if not 30 <= count <= case.n // 3:
            return None
        return by_groups(case, [n for n in case.honest if n != name], numbers, name)


def _found_forward(case: Case, name: str) -> Worth | None:
    from holdfast.audit.scoring import fold_maker

    view = case.column(name)
    order = view.values.astype(np.float64)[case.rows]
    folds = fold_maker("forward", 3, case.fixed_y, case.task, order, case.rng("folds"))
    return by_folds(case, [n for n in case.honest if n != name], folds)


def _time(case: Case) -> str | None:
    if case.roles.event_time is not None:
        return case.roles.event_time
    times = [n for n in case.features if case.column(n).storage is Storage.TIME]
    return times[0] if len(times) == 1 else None


def _worthwhile(gain: Worth | None, least: float = _GAIN) -> bool:
    return gain is not None and gain.low > 0.0 and gain.gain >= least


def _mixed(case: Case, name: str) -> Any:
    """Shape (test rows,): rows before the last training row; None without times to compare."""
    test = case.test
    if test is None or name not in test:
        return None
    own, other = case.column(name), test.column(name)
    if own.storage is not other.storage or own.bounds[1] is None:
        return None
    last = own.values[~own.missing].max() if own.missing is not None else own.values.max()
    early = other.values < last
    return early if other.missing is None else early & ~other.missing


def _latest(case: Case, name: str) -> Any:
    """The last training rows, the latest first."""
    view = case.column(name)
    values = view.values.astype(np.float64)
    if view.missing is not None:
        values = np.where(view.missing, -np.inf, values)
    return np.argsort(-values, kind="stable")[:5]
