"""The serving log against the training table: did the model see in use what it was trained on?

Rows are joined by entity and time of the decision, and compared cell by cell. A late correction of
a few values is usual; a column that differs in more than two rows of a hundred was filled in, or
replaced, after the decision.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from holdfast.audit.case import Case
from holdfast.audit.record import LeakFinding, Verdict
from holdfast.errors import DataError
from holdfast.findings import Severity
from holdfast.frames.column import ColumnView
from holdfast.frames.equality import Compared, State, Tolerance, compare_columns
from holdfast.frames.joining import key_codes
from holdfast.frames.table import Table
from holdfast.frames.types import Storage
from holdfast.reports.naming import names
from holdfast.stats.intervals import binomial_tail, wilson, wilson_upper

#: share of cells that late corrections may change
USUAL = 0.01
#: and at least this share, even where all other columns agree
_FLOOR = 0.003
#: lower bound of the share from which a column counts as not available
ALLOWED = 0.02
#: chance that usual corrections alone prove a column, for each column
ALPHA = 2e-5
#: one-sided 99 % bound, written as the level of a two-sided interval
_LEVEL = 0.98
FEWEST = 20
_SECOND = 1_000_000
#: numbers are equal within a millionth: 32-bit serving of 64-bit features is no leak
_TOLERANCE = Tolerance(relative=1e-5, absolute=1e-9)


class Availability:
    """Training values that differ from those served for the same entity and decision."""

    code = "HF-L-AVAILABILITY"
    type = "values not available when the decision was made (serving log)"
    asked_by: tuple[str, ...] = ("log",)

    def needs(self, case: Case) -> str | None:
        """A log with the entity or an id, the time where entities come again, and features."""
        if case.log is None:
            return "the rows as they were served (--log)"
        keys = _keys(case, case.log)
        if not keys:
            return "the entity or an id, in the training table and in the log (--entity)"
        if not _logged(case, case.log):
            return "a feature that the log has too"
        try:
            rows = len(_joined(case, case.log, keys).logged)
        except DataError as error:
            return f"a log that can be joined: {error.message}"
        if rows < FEWEST:
            return f"{FEWEST} logged decisions that are in the training table ({rows} are)"
        return None

    def run(self, case: Case) -> list[LeakFinding]:
        """One finding a column that differs, and one for columns that were never logged."""
        log = case.log
        assert log is not None  # noqa: S101
        pairs = _joined(case, log, _keys(case, log))
        features = _logged(case, log)
        left, right = log.take(pairs.logged), case.train.take(pairs.training)
        states = {
            name: compare_columns(left.column(name), right.column(name), _TOLERANCE)
            for name in features
        }
        counts = {name: int((c.state != State.SAME).sum()) for name, c in states.items()}
        rows, total = len(pairs.logged), sum(counts.values())
        found = []
        for name in features:
            others = rows * (len(features) - 1)
            usual = min(USUAL, max(_FLOOR, wilson_upper(total - counts[name], others)))
            bound = wilson(counts[name], rows, _LEVEL).low or 0.0
            if bound > ALLOWED and binomial_tail(counts[name], rows, usual) <= ALPHA:
                found.append(self._column(case, name, states[name], pairs, bound))
        absent = [name for name in case.features if name not in log]
        if absent and len(features) >= len(absent):
            found += [self._absent(case, log, name) for name in absent]
        return found

    def _column(
        self, case: Case, name: str, compared: Compared, pairs: _Pairs, bound: float
    ) -> LeakFinding:
        rows = len(compared.state)
        differ = compared.state != State.SAME
        count = int(differ.sum())
        gaps = int((compared.state == State.NULL_LOGGED).sum())
        at = np.flatnonzero(differ)
        what = "null when served" if gaps > 0.5 * count else "another value when served"
        return LeakFinding(
            code=self.code,
            severity=Severity.CRITICAL,
            verdict=Verdict.PROVEN,
            columns=(name,),
            sentence=f"{names([name])} differs from what was served in {count:,} of {rows:,} "
            f"joined decisions (at least {bound:.1%}), mostly {what}",
            evidence={
                "joined": rows,
                "differ": count,
                "share": round(count / rows, 4),
                "share_at_least": round(bound, 4),
                "null_when_served": gaps,
                "null_in_training": int((compared.state == State.NULL_TRAINING).sum()),
                "types": list(compared.types),
                "log_rows": [int(i) for i in pairs.logged[at][:5]],
                "rows": _given_rows(case, pairs.training[at][:5]),
            },
            remedy="Build the training value from what was known at the decision: log features "
            "when they are served and train on the log, or leave the column out.",
        )

    def _absent(self, case: Case, log: Table, name: str) -> LeakFinding:
        return LeakFinding(
            code=self.code,
            severity=Severity.WARNING,
            verdict=Verdict.SUSPECT,
            columns=(name,),
            sentence=f"{names([name])} is a feature in training, and the serving log has no such "
            "column",
            evidence={"features_in_the_log": len(_logged(case, log))},
            remedy="If it is not served, leave it out of training; if it is, log it.",
        )


class _Pairs(NamedTuple):
    """Row numbers on both sides of every joined decision."""

    logged: Any
    training: Any


def _logged(case: Case, log: Table) -> list[str]:
    return [name for name in case.features if name in log]


def _keys(case: Case, log: Table) -> list[str]:
    """The entity, else the ids, that both tables have."""
    entity = case.roles.entity
    if entity is not None and entity in log:
        return [entity]
    ids = [name for name in case.roles.ids if name in log]
    return ids[:1]


def _joined(case: Case, log: Table, keys: list[str]) -> _Pairs:
    """Decisions that occur exactly once on both sides: same entity, same second (or same day)."""
    left, right = key_codes(log, case.train, keys)
    time = case.roles.event_time
    if time is not None and time in log:
        one, two = _ticks(log.column(time), case.column(time))
        whole, place = np.unique(np.concatenate([one, two]), return_inverse=True)
        ticks = len(whole)
        left = np.where((left < 0) | np.isnan(one), -1, left * ticks + place[: len(one)])
        right = np.where((right < 0) | np.isnan(two), -1, right * ticks + place[len(one) :])
    values, first, counts = np.unique(right, return_index=True, return_counts=True)
    single = (counts == 1) & (values >= 0)
    values, first = values[single], first[single]
    own, own_first, own_counts = np.unique(left, return_index=True, return_counts=True)
    alone = (own_counts == 1) & (own >= 0)
    own, own_first = own[alone], own_first[alone]
    both, of_log, of_train = np.intersect1d(own, values, assume_unique=True, return_indices=True)
    order = np.argsort(own_first[of_log], kind="stable")
    return (
        _Pairs(own_first[of_log][order], first[of_train][order])
        if len(both)
        else _Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64))
    )


def _ticks(logged: ColumnView, trained: ColumnView) -> tuple[Any, Any]:
    """Times of both sides as whole seconds, or days where one side holds dates; NaN for null."""
    kinds = {logged.storage, trained.storage}
    if kinds == {Storage.TEXT}:
        raise DataError(
            "the event time is text in the log and in the training table",
            expected="times or numbers",
            got="text",
            remedy="convert it to timestamps in both",
        )
    if len(kinds) > 1:
        raise DataError(
            "the event time is of different types in the log and in the training table",
            expected="times in both, or numbers in both",
            got=f"{logged.storage.value} against {trained.storage.value}",
            remedy="convert one of them",
        )
    step: float = 1.0
    if kinds == {Storage.TIME}:
        dates = any(str(view.array.type).startswith("date") for view in (logged, trained))
        step = 86_400 * _SECOND if dates else _SECOND
    made = []
    for view in (logged, trained):
        ticks = np.floor(view.values.astype(np.float64) / step)
        made.append(ticks if view.missing is None else np.where(view.missing, np.nan, ticks))
    return made[0], made[1]


def _given_rows(case: Case, rows: Any) -> list[int]:
    kept = case.target.kept if case.target is not None else None
    return [int(kept[i] if kept is not None else i) for i in rows]
