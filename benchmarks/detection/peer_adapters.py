"""Other readings of peers, beside faultbench's own adapters.

`Deepchecks` repairs faultbench's `deepchecks`, which asks each condition for `is_pass` without
calling it and so reads every failed condition as passed: it never names a column and never alarms.
`DeepchecksAny` also counts conditions that name no column (multivariate drift, sizes).
`EvidentlyDrift` is faultbench's `evidently` without the missing-share tests, which are not part of
the drift preset and fail often where a column is null in a large share of the reference.

Use them as `--adapter peer_adapters:Deepchecks`.
"""

from __future__ import annotations

import contextlib
import io
import re
from typing import Any

from faultbench.adapters import Adapter, Alarm
from faultbench.adapters.evidently_ import _Evidently

_KINDS = {
    "Percent Of Nulls": "missing",
    "Mixed Nulls": "missing",
    "New Category Train Test": "category_renamed",
    "String Mismatch": "category_renamed",
    "String Mismatch Comparison": "category_renamed",
    "Mixed Data Types": "dtype_change",
    "Data Duplicates": "duplicates",
    "Single Value in Column": "stuck",
}


class Deepchecks(Adapter):
    """Train-test validation and data integrity suites, default conditions, columns that fail."""

    whole = False

    def fit(self, reference: Any, meta: dict[str, Any]) -> None:
        """Build the suites and note what the reference itself fails."""
        from deepchecks.tabular import Dataset
        from deepchecks.tabular.suites import data_integrity, train_test_validation

        self.columns = meta["features"]
        self.data = lambda X: Dataset(X, cat_features=list(meta["categorical"]))
        self.reference = self.data(reference.X)
        self.skew, self.integrity = train_test_validation(), data_integrity()
        self.known = set(self._failed(self.integrity, self.reference))

    def observe(self, window: Any) -> list[Alarm]:
        """One alarm for a window in which a condition fails, columns by number of failures."""
        current = self.data(window.X)
        failed = self._failed(self.skew, self.reference, current)
        failed += [f for f in self._failed(self.integrity, current) if f not in self.known]
        named = [(check, column) for check, column in failed if column is not None]
        if not named and not (self.whole and failed):
            return []
        columns = [column for _, column in named]
        ranked = sorted(dict.fromkeys(columns), key=lambda c: -columns.count(c))
        first = ranked[0] if ranked else None
        kinds = [_KINDS[check] for check, column in failed if column == first and check in _KINDS]
        return [Alarm(window.index, columns=ranked, kind=kinds[0] if kinds else None)]

    def _failed(self, suite: Any, *data: Any) -> list[tuple[str, str | None]]:
        """(check, column) of each failed condition; column None where the condition names none."""
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            result = suite.run(*data, with_display=False)
        out: list[tuple[str, str | None]] = []
        for check in result.get_not_passed_checks(fail_if_warning=False):
            text = " ".join(
                str(c.details)
                for c in check.conditions_results
                if not c.is_pass(fail_if_warning=False)
            )
            quoted = set(re.findall(r"'([^']+)'", text))
            named: list[str | None] = [c for c in self.columns if c in quoted]
            out += [(check.get_header(), column) for column in named or [None]]
        return out


class DeepchecksAny(Deepchecks):
    """The same, and an alarm too when a condition fails that names no column."""

    whole = True


class EvidentlyDrift(_Evidently):
    """The column tests of the drift preset alone."""

    mode = "drift"
