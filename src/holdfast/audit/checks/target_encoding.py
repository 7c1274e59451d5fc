"""Target encoding before the split: a column that is the label mean of a hidden category."""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.audit.case import Case
from holdfast.audit.columns import Floats, Kind
from holdfast.audit.record import LeakFinding, Verdict
from holdfast.findings import Severity
from holdfast.reports.naming import names

#: a value must occur so often to be taken for a category, and so many values there must be
_ROWS, _VALUES = 3, 5
#: share of the rows in such values
_COVERED = 0.5
#: largest difference from the label mean, in standard deviations of the target
_CLOSE = 1e-4
#: smoothing towards the overall mean that is looked for, in rows
_SMOOTHING = np.array([0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0])
#: spread of the values around the label means, against the spread that chance alone would give
_TIGHT = 0.5


class TargetEncoding:
    """Values that equal the label mean of their own rows in this very table."""

    code = "HF-L-TARGET-ENCODING"
    type = "target encoding before the split"
    asked_by: tuple[str, ...] = ()

    def needs(self, case: Case) -> str | None:
        """A target with two values or more, and a feature."""
        return None if case.task != "none" and case.features else "a target with two values"

    def run(self, case: Case) -> list[LeakFinding]:
        """Numeric columns that are label means, exactly, smoothed, or closer than chance."""
        found = []
        for name in case.features:
            if case.coding(name).kind is not Kind.NUMBER:
                continue
            if case.column(name).storage.value != "float":
                continue
            told = self._told(case, name)
            if told is not None:
                found.append(self._finding(name, told))
        return found

    def _told(self, case: Case, name: str) -> dict[str, Any] | None:
        alone = label_means(*_both(case, name, with_test=False))
        if case.test is None or case.test_target is None or name not in case.test:
            return alone
        together = label_means(*_both(case, name, with_test=True))
        # Fitted on the training rows alone and only applied to the test rows: as it should be.
        return together if together is not None and not _only_train(alone, together) else None

    def _finding(self, name: str, told: dict[str, Any]) -> LeakFinding:
        how = {
            "exact": "is",
            "smoothed": "is, smoothed towards the overall mean,",
            "close": "is closer than chance allows to",
        }[told["how"]]
        return LeakFinding(
            code=self.code,
            severity=Severity.ERROR,
            verdict=Verdict.SUSPECT,
            columns=(name,),
            sentence=f"{names([name])} {how} the label mean of the rows that share its value, "
            f"over {told['values']} values of this very table",
            evidence=told,
            remedy="Encode inside the folds: fit the encoding on training rows only (a pipeline, "
            "or scikit-learn's TargetEncoder), after the split.",
        )


def _both(case: Case, name: str, *, with_test: bool) -> tuple[Floats, list[Floats]]:
    """Values of a column and the targets (one a class) of the training rows, or of all."""
    values = _values(case.column(name))
    y = case.y
    if with_test and case.test is not None and case.test_target is not None:
        values = np.r_[values, _values(case.test.column(name))]
        y = np.r_[y, case.test_target.y]
    if case.task == "multiclass":
        return values, [(y == k).astype(np.float64) for k in range(case.classes)]
    return values, [y, 1.0 - y] if case.task == "binary" else [y]


def _values(view: Any) -> Floats:
    values = view.values.astype(np.float64)
    if view.missing is not None:
        values = np.where(view.missing, np.nan, values)
    return np.asarray(values)


def label_means(values: Floats, targets: list[Floats]) -> dict[str, Any] | None:
    """Whether a column's values are the label means of the rows that share them.

    Args:
        values: shape (n,), NaN for null.
        targets: targets to try, shape (n,) each.

    Returns:
        How (``exact``, ``smoothed``, ``close``), with the evidence; None when they are not.

    Values that occur in fewer than 3 rows are left out; there must be 5 values that cover half
    of the rows. ``close``: the squared distance from the label means, each over its variance,
    is less than half of what an encoding of other rows would show.

    >>> y = np.array([0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 0, 1, 1, 0, 0, 0, 0, 1.0])
    >>> means = np.repeat(y.reshape(5, 4).mean(axis=1), 4)
    >>> label_means(means, [y]), y.reshape(5, 4).mean(axis=1).tolist()
    (None, [0.5, 0.25, 1.0, 0.5, 0.25])
    """
    known = np.isfinite(values)
    if known.sum() < 20:
        return None
    distinct, place = np.unique(values[known], return_inverse=True)
    if not _VALUES <= len(distinct) <= known.sum() / 2:
        return None
    rows = np.bincount(place).astype(np.float64)
    often = rows >= _ROWS
    if often.sum() < _VALUES or rows[often].sum() < _COVERED * known.sum():
        return None
    for y in targets:
        target = y[known]
        means = np.bincount(place, weights=target) / rows
        found = _matches(distinct[often], means[often], rows[often], target)
        if found is not None:
            return {**found, "values": int(often.sum()), "rows": int(rows[often].sum())}
    return None


def _matches(values: Floats, means: Floats, rows: Floats, y: Floats) -> dict[str, Any] | None:
    overall, deviation = float(y.mean()), float(y.std())
    if not deviation > 0.0 or np.ptp(means) < 1e-9:
        return None
    weight = rows / rows.sum()
    for extra in _SMOOTHING:
        smoothed = (rows * means + extra * overall) / (rows + extra)
        off = np.abs(values - smoothed) > _CLOSE * deviation
        if float(weight[off].sum()) <= 0.1:
            return {"how": "exact" if extra == 0 else "smoothed", "smoothing_rows": float(extra)}
    # An encoding fitted on other rows misses the label means here by their sampling error.
    if len(values) < 15:
        return None
    inside = (values > y.min()) & (values < y.max()) & (rows >= 5)
    if inside.sum() < 15:
        return None
    binary = set(np.unique(y)) <= {0.0, 1.0}
    variance = values[inside] * (1.0 - values[inside]) if binary else deviation**2
    square = float((rows[inside] * (values[inside] - means[inside]) ** 2 / variance).sum())
    ratio = square / float(inside.sum())
    if ratio < _TIGHT and square < inside.sum() - 4.0 * float(np.sqrt(2.0 * inside.sum())):
        return {"how": "close", "spread_against_chance": round(ratio, 4)}
    return None


def _only_train(alone: dict[str, Any] | None, together: dict[str, Any]) -> bool:
    """Whether the match is there in the training rows alone and only diluted by the test rows."""
    order = {"exact": 0, "smoothed": 1, "close": 2}
    return alone is not None and order[alone["how"]] < order[together["how"]]
