"""The gate: what must hold before a release may answer, and what still speaks against it."""

from __future__ import annotations

import enum
from collections.abc import Collection
from typing import Any

import msgspec

#: files of the bundle: what the gate says, and the whole report of the audit
GATE_FILE = "gate.json"
AUDIT_FILE = "audit.json"


class GateState(enum.StrEnum):
    """Whether a release may be promoted."""

    PASSED = "passed"
    WAITING = "waiting"
    FAILED = "failed"


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A suspicion that statistics alone cannot settle: a person has to answer it.

    Attributes:
        code: code of the audit's finding.
        columns: the columns concerned.
        sentence: what was seen.
    """

    code: str
    columns: tuple[str, ...]
    sentence: str

    @property
    def key(self) -> str:
        """What an answer is kept under: the code and the columns.

        >>> Question(code="HF-L-POST-OUTCOME", columns=("b", "a"), sentence="").key
        'HF-L-POST-OUTCOME:b,a'
        """
        return f"{self.code}:{','.join(self.columns)}"


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """What audit and evaluation said of a release when it was built; part of the bundle.

    Attributes:
        audited: whether the leakage audit was made.
        failures: sentences of what forbids promotion for good: a proven leak, a requirement that
            does not hold.
        unsettled: sentences of requirements that could not be decided.
        questions: suspicions that wait for an answer.
        not_tested: what the audit could not test, and what it would have needed.
    """

    audited: bool
    failures: tuple[str, ...] = ()
    unsettled: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()
    not_tested: tuple[str, ...] = ()

    def open_questions(self, answered: Collection[str]) -> list[Question]:
        """The questions whose keys are not among the answered ones."""
        return [q for q in self.questions if q.key not in answered]

    def state(self, answered: Collection[str] = ()) -> GateState:
        """What the gate says, given the keys of the questions a person answered.

        >>> suspect = Question(code="HF-L-POST-OUTCOME", columns=("a",), sentence="")
        >>> gate = Gate(audited=True, questions=(suspect,))
        >>> gate.state().value, gate.state({"HF-L-POST-OUTCOME:a"}).value
        ('waiting', 'passed')
        >>> Gate(audited=False).state().value, Gate(audited=True, failures=("leak",)).state().value
        ('failed', 'failed')
        """
        if self.failures or not self.audited:
            return GateState.FAILED
        if self.unsettled or self.open_questions(answered):
            return GateState.WAITING
        return GateState.PASSED

    def reasons(self, answered: Collection[str] = ()) -> list[str]:
        """Everything that keeps the gate shut, one sentence each."""
        found = list(self.failures)
        if not self.audited:
            found.append("the leakage audit was not made")
        found += self.unsettled
        found += [f"unanswered: {q.sentence} ({q.key})" for q in self.open_questions(answered)]
        return found

    def to_dict(self) -> dict[str, Any]:
        """The gate as plain data, with the state it has before any answer."""
        return {"state": self.state().value, **msgspec.to_builtins(self)}
