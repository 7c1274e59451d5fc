"""A test table that was used so often that the best score on it is the best of many draws."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from holdfast.audit.case import Case
from holdfast.audit.record import LeakFinding, Verdict
from holdfast.errors import DataError
from holdfast.findings import Severity

#: evaluations that a test table stands, when its owner sets no budget
BUDGET = 10
_Z = 1.959963984540054


class Reuse:
    """Evaluations counted by the hash of the test table."""

    code = "HF-L-TEST-REUSE"
    type = "the test table used many times"
    asked_by: tuple[str, ...] = ("history",)

    def needs(self, case: Case) -> str | None:
        """The test table and the history of its evaluations."""
        if case.history is None:
            return "the history of evaluations (releases that were scored on this test table)"
        return None if case.test is not None else "the test table (--test)"

    def run(self, case: Case) -> list[LeakFinding]:
        """At most one finding, when the budget is spent.

        Raises:
            DataError: the history is neither a count nor a list of evaluations.
        """
        test = case.test
        assert test is not None  # noqa: S101
        used, budget, scores = usage(case.history, _hash(case))
        if used <= budget:
            return []
        rows = test.num_rows
        error = _error(case, scores)
        evidence: dict[str, Any] = {"evaluations": used, "budget": budget, "test_rows": rows}
        factor = math.sqrt(2.0 * math.log(used))
        sentence = (
            f"this test table was used {used} times (budget {budget}): the best of so many scores "
            f"is up to {factor:.1f} standard errors too high by luck alone"
        )
        if error is not None and scores:
            best = max(scores)
            low = best - factor * error - _Z * error
            evidence |= {
                "best_score": round(best, 4),
                "standard_error": round(error, 4),
                "best_score_less_luck": round(best - factor * error, 4),
                "adjusted_low": round(low, 4),
                "adjusted_high": round(best + _Z * error, 4),
            }
            sentence += f"; of {best:.3f}, {best - factor * error:.3f} is safe to expect"
        return [
            LeakFinding(
                code=self.code,
                severity=Severity.WARNING,
                verdict=Verdict.SUSPECT,
                sentence=sentence,
                evidence=evidence,
                remedy="Choose by cross-validation, keep this table locked, and take fresh rows "
                "for the final score.",
            )
        ]


def usage(history: Any, fingerprint: str) -> tuple[int, int, list[float]]:
    """How often a test table was used, its budget, and the scores it gave.

    Args:
        history: a count; a list of evaluations, each a mapping with ``test`` (hash of the test
            table, a missing one counts) and optionally ``score``; or a mapping with
            ``evaluations`` (either of them) and ``budget``.
        fingerprint: sha256 of the test table.

    Raises:
        DataError: anything else.

    Example:
        >>> usage([{"test": "ab", "score": 0.8}, {"test": "cd"}], "ab")
        (1, 10, [0.8])
    """
    budget = BUDGET
    if isinstance(history, Mapping):
        budget = _whole(history.get("budget", BUDGET))
        history = history.get("evaluations", 0)
    if isinstance(history, bool | str | bytes):
        raise _refused(history)
    if isinstance(history, int | np.integer):
        return _whole(history), budget, []
    if not isinstance(history, Iterable):
        raise _refused(history)
    used, scores = 0, []
    for entry in history:
        if not isinstance(entry, Mapping):
            raise _refused(entry)
        if entry.get("test", fingerprint) != fingerprint:
            continue
        used += 1
        score = entry.get("score")
        if isinstance(score, int | float) and math.isfinite(score):
            scores.append(float(score))
    return used, budget, scores


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
        raise _refused(value)
    return int(value)


def _refused(value: Any) -> DataError:
    return DataError(
        "the history of the test table cannot be read",
        expected="a count, or a list of evaluations with `test` and `score`",
        got=f"type={type(value).__name__}",
    )


def _hash(case: Case) -> str:
    from holdfast import frames

    given = case.sources[1]
    table = case.test if given is None else frames.read(given)
    assert table is not None  # noqa: S101
    return table.fingerprint()


def _error(case: Case, scores: list[float]) -> float | None:
    """Standard error of an AUC on this test table (Hanley, McNeil 1982); None for other scores."""
    target = case.test_target
    if target is None or case.task != "binary" or not scores:
        return None
    best = max(scores)
    positives = float(target.y.sum())
    negatives = len(target.y) - positives
    if not 0.5 <= best <= 1.0 or positives < 1 or negatives < 1:
        return None
    q1, q2 = best / (2.0 - best), 2.0 * best**2 / (1.0 + best)
    spread = best * (1 - best) + (positives - 1) * (q1 - best**2) + (negatives - 1) * (q2 - best**2)
    return math.sqrt(max(spread, 0.0) / (positives * negatives))
