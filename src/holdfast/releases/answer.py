"""What is answered for one row."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from holdfast.contracts.model import Outcome, Violation


class Answer(msgspec.Struct, frozen=True, gc=False):
    """The answer for one row: never a silent default.

    Attributes:
        score: probability of the positive class; None when nothing was answered.
        decision: one of the release's two decisions; None when nothing was answered.
        verdict: ``ok``, ``degraded``, ``abstained`` or ``rejected``.
        violations: every mark of the guard, notes included.
        fallback: fields that the answering fallback model does without; None for the main model.
    """

    score: float | None
    decision: str | None
    verdict: Outcome
    violations: tuple[Violation, ...] = ()
    fallback: tuple[str, ...] | None = None


def mark_texts(violations: Iterable[Violation]) -> list[str]:
    """Marks as the log and the reference write them: ``field:code``, notes with ``~`` in front.

    >>> from holdfast.contracts.model import Policy
    >>> mark_texts([Violation("Income", "null", Policy.ALLOW, note=True)])
    ['~Income:null']
    """
    return [f"~{v.field}:{v.code}" if v.note else f"{v.field}:{v.code}" for v in violations]
