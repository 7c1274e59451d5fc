"""Ids and the order of the rows: they carry nothing about the case, so they must tell nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.audit.case import Case
from holdfast.audit.columns import Floats, Kind
from holdfast.audit.record import LeakFinding, Verdict
from holdfast.audit.scoring import Folds, paired
from holdfast.audit.words import names
from holdfast.findings import Severity

#: an id or the row number must lift the score by so much to be suspected
_LIFT = 0.03
#: what a split along the file must cost, against a random one
_GAP = 0.02
#: chance of such a difference between the tenths of the file
_CHANCE = 1e-6


class Order:
    """Id columns and row numbers that lift the score; labels that change along the file."""

    code = "HF-L-ORDER"
    type = "ids and the order of the rows"
    asked_by: tuple[str, ...] = ()

    def needs(self, case: Case) -> str | None:
        """A target with two values or more, and some rows."""
        if case.task == "none":
            return "a target with two values"
        return None if case.n >= 50 else "50 rows"

    def run(self, case: Case) -> list[LeakFinding]:
        """Ids that tell the outcome; the order of the rows, where no event time explains it."""
        found = []
        ids = [name for name in case.features if _is_id(case, name)]
        plain = [name for name in case.features if name not in ids]
        for name in dict.fromkeys([*ids, *case.roles.ids]):
            finding = self._id(case, name, plain)
            if finding is not None:
                found.append(finding)
        if not found:
            finding = self._rows(case, plain)
            if finding is not None:
                found.append(finding)
        return found

    def _id(self, case: Case, name: str, plain: list[str]) -> LeakFinding | None:
        rank = _rank(case, name)[case.rows]
        lift = self._lifted(case, rank, plain)
        if lift is None:
            return None
        return LeakFinding(
            code=self.code,
            severity=Severity.ERROR,
            verdict=Verdict.SUSPECT,
            columns=(name,),
            sentence=f"the id {names([name])} tells the outcome: its rank lifts {case.metric} from "
            f"{lift.without:.2f} to {lift.with_:.2f}",
            evidence={"by_tenth": _tenths(case, np.argsort(_rank(case, name), kind="stable"))},
            worth=lift,
            remedy="Never give an id to a model. Find out what was numbered by outcome: two "
            "sources joined one after the other, or a table sorted before it was numbered.",
        )

    def _rows(self, case: Case, plain: list[str]) -> LeakFinding | None:
        """The row number itself, and what a split along the file costs."""
        if case.roles.event_time is not None:
            return None
        tenths = _tenths(case, np.arange(case.n))
        lift = self._lifted(case, case.rows.astype(np.float64), plain)
        if lift is not None and not _sorted_by_label(case):
            return LeakFinding(
                code=self.code,
                severity=Severity.WARNING,
                verdict=Verdict.SUSPECT,
                sentence=f"the order of the rows tells the outcome: the row number lifts "
                f"{case.metric} from {lift.without:.2f} to {lift.with_:.2f}",
                evidence={"by_tenth": tenths},
                worth=lift,
                remedy="Find out how the file was sorted. If by time, declare event_time and split "
                "by it; if by outcome, shuffle before anything is numbered or lagged.",
            )
        if _chance(case) >= _CHANCE:
            return None
        forward = _along(case.rows, 3)
        ahead = case.score(plain, forward)
        random = case.score(plain)
        gap = paired(case.fixed_y, case.task, case.metric, random, ahead)
        if gap is None or gap.gain < _GAP or gap.low <= 0.005 or _sorted_by_label(case):
            return None
        return LeakFinding(
            code=self.code,
            severity=Severity.WARNING,
            verdict=Verdict.SUSPECT,
            sentence="the outcome changes along the file, as if its rows were sorted by time: a "
            f"random split gives {case.metric} {gap.with_:.2f}, predicting later rows from "
            f"earlier ones {gap.without:.2f}",
            evidence={"by_tenth": tenths},
            worth=gap,
            remedy="Declare event_time, and split by it: a random split lets the model see the "
            "future.",
        )

    def _lifted(self, case: Case, rank: Floats, plain: list[str]) -> Any:
        extra = (rank - rank.mean()) / (rank.std() or 1.0)
        lift = paired(
            case.fixed_y, case.task, case.metric, case.score(plain, extra=extra), case.score(plain)
        )
        if lift is None or lift.gain < _LIFT or lift.low < 0.01:
            return None
        return lift if lift.gain >= 0.2 * (1.0 - lift.without) else None


def _is_id(case: Case, name: str) -> bool:
    """Whether a column names the row: nearly every value once; whole numbers or text."""
    coding = case.coding(name)
    view = case.column(name)
    if coding.kind is Kind.CATEGORY:
        return view.present_count >= 50 and coding.distinct >= 0.95 * view.present_count
    if coding.kind is not Kind.NUMBER or view.storage.value != "int":
        return False
    if view.missing_count or len(np.unique(view.values)) < 0.98 * len(view):
        return False
    values = view.values.astype(np.float64)
    width = float(values.max() - values.min())
    steps = np.diff(values)
    return bool((steps > 0).all() or (steps < 0).all() or width <= 1.2 * len(values))


def _rank(case: Case, name: str) -> Floats:
    """Rank of every row's id: numbers by size, texts by length and alphabet; nulls first."""
    view = case.column(name)
    if view.storage.value != "text":
        values = view.values.astype(np.float64)
        if view.missing is not None:
            values = np.where(view.missing, -np.inf, values)
        return np.unique(values, return_inverse=True)[1].astype(np.float64)
    texts = view.dictionary.to_pylist()
    order = sorted(range(len(texts)), key=lambda i: (len(texts[i]), texts[i]))
    place = np.full(len(texts) + 1, -1.0)
    place[order] = np.arange(len(order))
    return np.asarray(place[view.codes])


def _tenths(case: Case, order: Any) -> list[float]:
    """Mean outcome of every tenth of the rows in an order; share of the commonest class."""
    y = case.y[order]
    if case.task == "multiclass":
        y = (y == np.bincount(y.astype(np.intp)).argmax()).astype(np.float64)
    return [round(float(part.mean()), 4) for part in np.array_split(y, 10) if len(part)]


def _chance(case: Case) -> float:
    """Chance of tenths so different in a shuffled file: a chi-square by permutation-free moments.

    The sum of squared z scores of the ten means is compared with ten times its mean by the
    Wilson-Hilferty cube root.
    """
    from statistics import NormalDist

    y = case.y
    if case.task == "multiclass":
        y = (y == np.bincount(y.astype(np.intp)).argmax()).astype(np.float64)
    spread = float(y.var())
    if not spread > 0.0:
        return 1.0
    parts = np.array_split(y, 10)
    square = sum(len(p) * (float(p.mean()) - float(y.mean())) ** 2 for p in parts) / spread
    freedom = 9.0
    z = ((square / freedom) ** (1 / 3) - (1 - 2 / (9 * freedom))) / (2 / (9 * freedom)) ** 0.5
    return 1.0 - NormalDist().cdf(z)


def _sorted_by_label(case: Case) -> bool:
    """Whether the file is one block a class, as many published tables are."""
    changes = int((np.diff(case.y) != 0).sum())
    return case.task != "regression" and changes < max(case.classes, 2) + 1


def _along(rows: Any, parts: int) -> Folds:
    """Folds along the file: each later stretch is predicted from the rows before it."""
    edges = [round(len(rows) * i / (parts + 1)) for i in range(parts + 2)]
    made = tuple(
        (np.arange(edges[i]), np.arange(edges[i], edges[i + 1])) for i in range(1, parts + 1)
    )
    return Folds(key=f"file/{parts}", parts=made)
