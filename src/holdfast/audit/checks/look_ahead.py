"""Values that became known after the decision they are used for."""

from __future__ import annotations

import datetime
import re
from typing import Any

import numpy as np

from holdfast.audit.case import Case
from holdfast.audit.record import LeakFinding, Verdict
from holdfast.audit.rows.compared import row_numbers
from holdfast.errors import DataError
from holdfast.findings import Severity
from holdfast.frames.column import ColumnView
from holdfast.frames.types import Storage
from holdfast.reports.naming import names

_UNITS = {"us": 1, "ms": 1_000, "s": 1_000_000, "min": 60_000_000, "h": 3_600_000_000,
          "d": 86_400_000_000, "w": 604_800_000_000}  # fmt: skip
_LAG = re.compile(r"^\s*([+-]?\d+(?:\.\d+)?)\s*(us|ms|s|min|h|d|w)\s*$")


class LookAhead:
    """Features whose known-at time, or declared lag, lies after the time of the decision."""

    code = "HF-L-LOOK-AHEAD"
    type = "values known only after the decision"
    asked_by: tuple[str, ...] = ("known_at",)

    def needs(self, case: Case) -> str | None:
        """Known-at times or lags, and the time of the decision where times are given."""
        if not case.roles.known_at:
            return "when each feature became known (--known-at FEATURE=COLUMN)"
        columns = [
            at for at in case.roles.known_at.values() if isinstance(at, str) and at in case.train
        ]
        if columns and case.roles.event_time is None:
            return "the time of the decision (--event-time)"
        return None

    def run(self, case: Case) -> list[LeakFinding]:
        """One finding a feature.

        Raises:
            DataError: a known-at column cannot be compared with the event time.
        """
        found = []
        for name, at in case.roles.known_at.items():
            if isinstance(at, str) and at in case.train:
                finding = self._by_column(case, name, at)
            else:
                finding = self._by_lag(case, name, at)
            if finding is not None:
                found.append(finding)
        return found

    def _by_column(self, case: Case, name: str, at: str) -> LeakFinding | None:
        decided = case.column(case.roles.event_time or "")
        known = case.column(at)
        if known.storage is not decided.storage or known.storage not in {
            Storage.TIME, Storage.INT, Storage.FLOAT,
        }:  # fmt: skip
            raise DataError(
                f"the known-at column {at!r} cannot be compared with the event time",
                expected="times in both columns, or numbers in both",
                got=f"{known.storage.value} against {decided.storage.value}",
            )
        usable = _present(case.column(name)) & _present(known) & _present(decided)
        with np.errstate(invalid="ignore"):
            late = usable & (known.values > _end(decided))
        rows = int(late.sum())
        if not rows:
            return None
        ahead = (known.values[late] - decided.values[late]).astype(np.float64)
        evidence = {
            "known_at": at,
            "rows_late": rows,
            "share": round(rows / max(int(usable.sum()), 1), 4),
            "rows": row_numbers(case, np.flatnonzero(late)),
        }
        if known.storage is Storage.TIME:
            evidence["median_days_late"] = round(float(np.median(ahead)) / _UNITS["d"], 4)
        return self._finding(
            name, f"{names([name])} became known after the decision in {rows:,} rows "
            f"({evidence['share']:.1%}), going by {names([at])}", evidence,
        )  # fmt: skip

    def _by_lag(self, case: Case, name: str, late: int) -> LeakFinding | None:
        rows = case.column(name).present_count
        if late <= 0 or not rows:
            return None
        return self._finding(
            name, f"{names([name])} becomes known {_span(late)} after the decision it is used for",
            {"lag_days": round(late / _UNITS["d"], 4), "rows_late": rows},
        )  # fmt: skip

    def _finding(self, name: str, sentence: str, evidence: dict[str, Any]) -> LeakFinding:
        return LeakFinding(
            code=self.code,
            severity=Severity.ERROR,
            verdict=Verdict.PROVEN,
            columns=(name,),
            sentence=sentence,
            evidence=evidence,
            remedy="Take the value as it was known at the time of the decision (an as-of join), "
            "or leave the column out.",
        )


def lag(name: str, at: Any) -> int:
    """A lag in microseconds: a timedelta, or text such as ``"7d"``, ``"-2h"``.

    Raises:
        DataError: neither a column of the table nor a time span.

    Example:
        >>> lag("x", "2h") == lag("x", datetime.timedelta(hours=2))
        True
    """
    if isinstance(at, datetime.timedelta):
        return round(at / datetime.timedelta(microseconds=1))
    if isinstance(at, np.timedelta64):
        return int(at / np.timedelta64(1, "us"))
    told = _LAG.match(at) if isinstance(at, str) else None
    if told is None:
        raise DataError(
            f"cannot tell when {name!r} became known",
            expected="a column of the table, or a time span such as 7d, 12h, 30min",
            got=f"known_at={type(at).__name__}" if not isinstance(at, str) else f"known_at={at!r}",
        )
    return round(float(told.group(1)) * _UNITS[told.group(2)])


def _span(late: int) -> str:
    for unit, word in (("d", "days"), ("h", "hours"), ("min", "minutes")):
        if late >= _UNITS[unit]:
            return f"{late / _UNITS[unit]:g} {word}"
    return f"{late / _UNITS['s']:g} seconds"


def _present(view: ColumnView) -> Any:
    return np.ones(len(view), np.bool_) if view.missing is None else ~view.missing


def _end(view: ColumnView) -> Any:
    """The last moment a value stands for: a date stands for its whole day."""
    whole_day = str(view.array.type).startswith("date")
    return view.values + (_UNITS["d"] - 1 if whole_day else 0)
