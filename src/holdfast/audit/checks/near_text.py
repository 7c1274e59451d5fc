"""Texts in the test table that nearly equal a training text (five-letter pieces, MinHash)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from holdfast.audit.case import Case
from holdfast.audit.record import LeakFinding, Verdict
from holdfast.audit.rows.compared import excess, row_numbers
from holdfast.audit.rows.minhash import components, plain, similar
from holdfast.audit.sizing import by_groups, by_rows, same_type, sized_on
from holdfast.findings import Severity
from holdfast.reports.naming import names

_ALPHA = 1e-6
_LEAST = 0.003
_MANY = 0.03
#: Jaccard similarity from which two texts count as nearly equal
ALIKE = 0.8
#: texts compared; of more, a part that keeps neighbours of the file together would be misleading
_MOST = 400_000
_REMEDY = (
    "Put texts that nearly equal one another on one side of the split: give them one group id, and "
    "split by it. Templates and forwarded messages are where they come from."
)


class NearText:
    """Prose written nearly twice: templates, corrections, forwarded messages."""

    code = "HF-L-NEAR-TEXT"
    type = "nearly equal texts on both sides of the split"
    asked_by: tuple[str, ...] = ()

    def needs(self, case: Case) -> str | None:
        """A column of prose."""
        if not case.texts:
            return "a column of prose"
        rows = case.n + (case.test.num_rows if case.test is not None else 0)
        return None if rows <= _MOST else f"at most {_MOST:,} texts"

    def run(self, case: Case) -> list[LeakFinding]:
        """At most one finding a text column."""
        found = [self._column(case, name) for name in case.texts]
        return [finding for finding in found if finding is not None]

    def _column(self, case: Case, name: str) -> LeakFinding | None:
        with_test = case.test is not None and same_type(case, name)
        arrays = [case.column(name).array]
        if with_test:
            assert case.test is not None  # noqa: S101
            arrays.append(case.test.column(name).array)
        texts = pa.chunked_array(arrays).combine_chunks()
        texts = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
        one, two = similar(texts, ALIKE)
        if not len(one):
            return None
        numbers = components(len(texts), [(one, two)])
        of_train, of_test = numbers[: case.n], numbers[case.n :]
        counts = np.bincount(of_train, minlength=int(numbers.max()) + 1)
        usual = counts[of_train] > 1
        exact = _distinct(texts, one, two)
        if not with_test:
            return self._inside(case, name, of_train, usual, exact)
        hit = counts[of_test] > 0
        share, expected = float(hit.mean()), float(usual.mean())
        proven = (
            share - expected >= _LEAST
            and int(hit.sum()) >= 5
            and excess(hit, usual, of_test, of_train) < _ALPHA
        )
        if not proven and share < _MANY:
            return None
        leaked = np.bincount(of_test, minlength=len(counts))[of_train] > 0
        usually = (
            f"{expected:.1%} would be usual, going by the training texts among themselves"
            if proven
            else "training texts nearly equal one another just as often"
        )
        return LeakFinding(
            code=self.code,
            severity=Severity.ERROR if proven else Severity.WARNING,
            verdict=Verdict.PROVEN if proven else Verdict.SUSPECT,
            sentence=f"{int(hit.sum()):,} test texts ({share:.1%}) in {names([name])} nearly equal "
            f"a training text; {usually}",
            evidence={
                "column": name,
                "test_rows": int(hit.sum()),
                "share": round(share, 4),
                "expected_share": round(expected, 4),
                "pairs_not_equal_letter_by_letter": exact,
                "rows": row_numbers(case, np.flatnonzero(hit), test=True),
            },
            worth=by_rows(case, sized_on(case, name), leaked),
            remedy=_REMEDY,
        )

    def _inside(
        self, case: Case, name: str, numbers: Any, repeated: Any, exact: int
    ) -> LeakFinding | None:
        share = float(repeated.mean())
        if share < _MANY:
            return None
        return LeakFinding(
            code=self.code,
            severity=Severity.WARNING,
            verdict=Verdict.SUSPECT,
            sentence=f"{int(repeated.sum()):,} texts ({share:.1%}) in {names([name])} nearly equal "
            "another one: a random split puts them on both sides",
            evidence={
                "column": name,
                "rows_with_a_twin": int(repeated.sum()),
                "share": round(share, 4),
                "pairs_not_equal_letter_by_letter": exact,
                "rows": row_numbers(case, np.flatnonzero(repeated)),
            },
            worth=by_groups(case, sized_on(case, name), numbers, f"text {name}"),
            remedy=_REMEDY,
        )


def _distinct(texts: pa.Array, one: Any, two: Any) -> int:
    """Pairs that are not equal letter by letter, blanks and capitals aside."""
    left, right = (plain(texts.take(pa.array(part))).to_pylist() for part in (one, two))
    return sum(a != b for a, b in zip(left, right, strict=True))
