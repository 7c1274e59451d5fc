"""What every leakage check offers: its code, its plain name, what it needs, and a run."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from holdfast.audit.case import Case
from holdfast.audit.record import LeakFinding


@runtime_checkable
class Check(Protocol):
    """One type of leak.

    Attributes:
        code: code of its findings, ``HF-L-…``.
        type: the leak in plain words, as listed under "tested" and "not tested".
        asked_by: attributes of the case (``log``, ``known_at``, ``model`` ...) whose presence
            means that the caller asked for this check: if it then cannot be made, the audit
            could not tell.

    A finding about feature columns may leave `worth` None: the run sizes it against the columns
    that nobody suspects, and adds what to expect to its sentence.
    """

    code: str
    type: str
    asked_by: tuple[str, ...]

    def needs(self, case: Case) -> str | None:
        """The input that is missing, in words; None when the check can be made."""

    def run(self, case: Case) -> list[LeakFinding]:
        """The leaks of this type; empty when none was found."""
