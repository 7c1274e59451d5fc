"""Rows made or repeated for one class before the split: fingerprints of SMOTE and oversampling."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from holdfast.audit.case import Case
from holdfast.audit.record import LeakFinding, Verdict
from holdfast.audit.rows.compared import beyond_chance, comparable, row_numbers, table_hashes
from holdfast.audit.rows.crowded import copied
from holdfast.audit.rows.hashing import groups
from holdfast.audit.rows.segments import on_segments
from holdfast.audit.sizing import by_rows, same_type, sized_on
from holdfast.findings import Severity
from holdfast.frames.table import Table
from holdfast.frames.types import Storage
from holdfast.reports.naming import clean

#: rows of a class that are tried
_TRIED = 250
#: of these the first, without one on a segment, are enough to leave the rest
_FIRST = 100
#: ends of segments among the rows of the class
_ENDS = 6000
#: share of tried rows on segments that chance does not reach
_SHARE = 0.04
_FEWEST = 10
#: share of broken numbers in one class, in a column of whole numbers in the others
_BROKEN = 0.03
_REPEATED = 0.2
#: ends of a target that is a number
_END = 0.2
#: share of the other rows that may repeat, where rows fall together by chance
_OTHERS = 0.03
#: share of nulls up to which a column of numbers is looked at
_NULLS = 0.25
#: numbers as large as this are left out: their squares are none
_LARGE = 1e100
_REMEDY = (
    "Split first. Resample the training rows only, inside each fold (the Pipeline of "
    "imbalanced-learn does), or weight the classes instead."
)


class _Part(NamedTuple):
    """Rows that a resampler may have filled up: those of a class, or with targets so high or low.

    Attributes:
        name: of the class, or of the end.
        low, high: targets of the part, both included.
        what, short: how a sentence calls it.
    """

    name: str
    low: float
    high: float
    what: str
    short: str

    def of(self, y: Any) -> Any:
        """Which of these targets belong to it."""
        return (y >= self.low) & (y <= self.high)


class _Made(NamedTuple):
    """What was seen in one class.

    Attributes:
        columns: whole-number columns with broken numbers in this class only.
        on_lines: share of tried training rows on segments.
        train: training rows that are made or repeated, as positions.
        test: test rows that are.
        way: ``interpolated`` or ``repeated``.
        sure: whether it is more than one column of broken numbers, which may mean something else.
    """

    columns: tuple[str, ...]
    on_lines: float
    train: Any
    test: Any
    way: str
    sure: bool


class Resampling:
    """Interpolated or repeated rows of one class, in the test table too."""

    code = "HF-L-RESAMPLING"
    type = "rows resampled before the split"
    asked_by: tuple[str, ...] = ()

    def needs(self, case: Case) -> str | None:
        """A target, and a hundred rows."""
        if case.task == "none":
            return "a target with two values"
        return None if case.n >= 100 else "100 training rows"

    def run(self, case: Case) -> list[LeakFinding]:
        """At most one finding: for the class in which most rows were made."""
        found = []
        for part in _parts(case):
            rows = np.flatnonzero(part.of(case.y))
            if 2 * _FEWEST <= len(rows) < case.n:
                made = _interpolated(case, part, rows) or _repeated(case, part, rows)
                if made is not None:
                    found.append((part, made))
        if not found:
            return []
        part, made = max(found, key=lambda pair: len(pair[1].train))
        return self._told(case, part, made)

    def _told(self, case: Case, part: _Part, made: _Made) -> list[LeakFinding]:
        if case.test is not None and len(made.test) < _FEWEST // 2:
            return []  # the training rows were resampled after the split, as they should be
        in_test = case.test is not None
        proven = in_test and made.sure
        counts = np.bincount(case.y.astype(np.intp)) if case.classes else np.arange(2)
        what = "lie on lines between two others" if made.way == "interpolated" else "are repeated"
        if made.way == "interpolated" and made.on_lines < _SHARE:
            what = "hold broken numbers where all other rows hold whole ones"
        evidence: dict[str, Any] = {
            "class": part.name,
            "way": made.way,
            "training_rows_made": len(made.train),
            "share_on_lines": round(made.on_lines, 4),
            "columns_with_broken_numbers": list(made.columns),
            "equal_classes": bool(len(set(counts.tolist())) == 1),
            "training_rows": row_numbers(case, made.train),
        }
        where = "the training table"
        worth = None
        if in_test:
            evidence["test_rows_made"] = len(made.test)
            evidence["rows"] = row_numbers(case, made.test, test=True)
            where = "both tables"
            leaked = np.zeros(case.n, np.bool_)
            leaked[made.train] = True
            worth = by_rows(case, sized_on(case), leaked, _real_rows(case, made.test))
        return [
            LeakFinding(
                code=self.code,
                severity=Severity.ERROR if proven else Severity.WARNING,
                verdict=Verdict.PROVEN if proven else Verdict.SUSPECT,
                sentence=f"rows of {part.what} in {where} {what}: {part.short} was resampled"
                + (" before the split" if in_test else "; a split made afterwards would leak"),
                evidence=evidence,
                worth=worth,
                remedy=_REMEDY,
            )
        ]


def _parts(case: Case) -> list[_Part]:
    """Every class; of a number the highest and the lowest fifth, which are filled up if any are."""
    if case.task != "regression":
        assert case.target is not None  # noqa: S101
        return [
            _Part(clean(name), float(label), float(label), "one class", "the class")
            for label, name in enumerate(case.target.classes)
        ]
    low, high = (float(edge) for edge in np.quantile(case.y, (_END, 1.0 - _END)))
    return [
        _Part("high", high, np.inf, "high targets", "that end"),
        _Part("low", -np.inf, low, "low targets", "that end"),
    ]


def _real_rows(case: Case, made: Any) -> Any:
    assert case.test is not None  # noqa: S101
    real = np.setdiff1d(np.arange(case.test.num_rows), made)
    return real[:: max(1, len(real) // 6000)]


def _interpolated(case: Case, part: _Part, rows: Any) -> _Made | None:
    columns = _broken(case, rows)
    names = [n for n in _numbers(case) if case.column(n).missing_count <= _NULLS * case.n]
    marks = np.zeros(case.n, np.bool_)
    for name in columns:
        marks |= _not_whole(case.train, name)
    made = np.flatnonzero(marks & part.of(case.y))
    rng = case.rng(f"resampling {part.name}")
    x = _values(case.train, names)
    whole = np.isfinite(x).all(axis=1)
    ends = rows[whole[rows]]
    ends = ends if len(ends) <= _ENDS else np.sort(rng.choice(ends, _ENDS, replace=False))
    likely = made if len(made) >= _FEWEST else rows
    tried = rng.permutation(likely[whole[likely]])[:_TRIED]
    place = {int(row): i for i, row in enumerate(ends)}
    own = np.array([place.get(int(row), -1) for row in tried], np.intp)
    few = len(tried) if columns else min(_FIRST, len(tried))
    lines = on_segments(x[tried[:few]], x[ends], own[:few])
    if few < len(tried) and lines.any():  # none of the first: the share is not reached
        lines = np.append(lines, on_segments(x[tried[few:]], x[ends], own[few:]))
    tried = tried[: len(lines)]
    share = float(lines.mean()) if len(lines) else 0.0
    strong = share >= _SHARE and lines.sum() >= _FEWEST
    alone = len(columns) == 1 and len(made) >= _REPEATED * len(rows)
    if not strong and not alone and len(columns) < 2:
        return None
    if len(made) < _FEWEST:
        made = np.sort(tried[lines])
    of_test = _of_test(case, part, columns, names, x[ends])
    return _Made(columns, share, made, of_test, "interpolated", strong or len(columns) > 1)


def _of_test(case: Case, part: _Part, columns: tuple[str, ...], names: list[str], ends: Any) -> Any:
    test, target = case.test, case.test_target
    if test is None or target is None:
        return np.zeros(0, np.intp)
    same = [n for n in columns if same_type(case, n)]
    marks = np.zeros(test.num_rows, np.bool_)
    for name in same:
        marks |= _not_whole(test, name)
    own = part.of(target.y)
    if same and marks.any():
        return np.flatnonzero(marks & own)
    if not names or not all(same_type(case, n) for n in names):
        return np.zeros(0, np.intp)
    x = _values(test, names)
    rows = np.flatnonzero(own & np.isfinite(x).all(axis=1))
    rows = np.sort(case.rng(f"resampling test {part.name}").permutation(rows)[: 2 * _TRIED])
    return rows[on_segments(x[rows], ends)]


def _repeated(case: Case, part: _Part, rows: Any) -> _Made | None:
    """Rows of one class that occur again and again, where those of the others hardly ever do."""
    names = comparable(case)
    own = table_hashes(case, case.train, names)
    if case.test is None:
        (numbers,) = groups(own)
        of_test = np.zeros(0, np.int64)
    else:
        numbers, of_test = groups(own, table_hashes(case, case.test, names))
    counts = np.bincount(numbers, minlength=int(max(numbers.max(), of_test.max(initial=0))) + 1)
    twice = counts[numbers] > 1
    others = np.ones(case.n, np.bool_)
    others[rows] = False
    here, there = float(twice[rows].mean()), float(twice[others].mean())
    if here < _REPEATED or here < 5.0 * there:
        return None
    sure = beyond_chance(case, names, own)
    if not sure and (there > _OTHERS or not copied(case, names, own, rows, others)):
        return None
    made = rows[twice[rows]]
    hit = np.zeros(0, np.intp)
    if case.test_target is not None:
        hit = np.flatnonzero((counts[of_test] > 0) & part.of(case.test_target.y))
    return _Made((), 0.0, made, hit, "repeated", sure)


def _numbers(case: Case) -> list[str]:
    """Columns of numbers that are neither all the same nor times."""
    return [
        name
        for name in comparable(case)
        if case.column(name).storage in {Storage.INT, Storage.FLOAT}
        and case.coding(name).distinct > 1
    ][:40]


def _values(table: Table, names: list[str]) -> Any:
    if not names:
        return np.zeros((table.num_rows, 0))
    made = []
    for name in names:
        view = table.column(name)
        values = view.values.astype(np.float64)
        values = np.where(np.abs(values) < _LARGE, values, np.nan)
        made.append(values if view.missing is None else np.where(view.missing, np.nan, values))
    return np.column_stack(made)


def _not_whole(table: Table, name: str) -> Any:
    view = table.column(name)
    values = view.values.astype(np.float64)
    with np.errstate(invalid="ignore"):
        broken = np.isfinite(values) & (np.abs(values - np.round(values)) > 1e-9)
    return broken if view.missing is None else broken & ~view.missing


def _broken(case: Case, rows: Any) -> tuple[str, ...]:
    """Columns that hold whole numbers in all other classes, and long fractions in this one."""
    others = np.ones(case.n, np.bool_)
    others[rows] = False
    found = []
    for name in case.features:
        view = case.column(name)
        if view.storage is not Storage.FLOAT:
            continue
        broken = _not_whole(case.train, name)
        inside, outside = int(broken[rows].sum()), int(broken[others].sum())
        if inside < max(_FEWEST, _BROKEN * len(rows)) or outside > 0.001 * int(others.sum()):
            continue
        if len(np.unique(view.values[others])) < _FEWEST // 2:
            continue  # all nought but for one class: a value of the outcome, not a resampled one
        values = view.values[rows][broken[rows]]
        thousandths = values * 1000.0
        long = np.abs(thousandths - np.round(thousandths)) > 1e-6  # money and halves are short
        if long.mean() > 0.5 and len(np.unique(values % 1.0)) > 0.5 * len(values):
            found.append(name)
    return tuple(found)
