"""What an audit found, as records: leaks with their worth, what was not tested, the verdict."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from holdfast.findings import Finding
from holdfast.reports.result import Result

if TYPE_CHECKING:
    import pyarrow as pa

    from holdfast.reports.document import Document


class Verdict(enum.StrEnum):
    """How sure a leak is: PROVEN by rows, times or a run; SUSPECT by statistics alone."""

    PROVEN = "PROVEN"
    SUSPECT = "SUSPECT"


def plain(value: Any) -> Any:
    """Numbers of numpy as Python's own, inside dicts and lists too.

    >>> plain({"weights": {"a": np.float64(0.5)}, "rows": (np.int64(3),)})
    {'weights': {'a': 0.5}, 'rows': [3]}
    """
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    return value.item() if isinstance(value, np.generic) else value


class Worth(msgspec.Struct, frozen=True, kw_only=True, rename={"with_": "with"}):
    """What a leak is worth: the score with it and without it, on the same rows.

    Attributes:
        metric: ``AUC``, ``macro AUC`` (one class against the rest, averaged) or ``R2``.
        with_: score with the leak (``with`` in JSON).
        without: score without it: what to expect in use.
        low, high: 95 % interval of ``with - without``, paired by row.
    """

    metric: str
    with_: float
    without: float
    low: float
    high: float

    @property
    def gain(self) -> float:
        """``with - without``."""
        return self.with_ - self.without


class LeakFinding(Finding, frozen=True, kw_only=True):
    """One leak: a finding with its verdict, its worth and, once given, a person's answer.

    Attributes:
        verdict: PROVEN or SUSPECT.
        worth: the score with and without; None where it cannot be measured.
        answer: why a suspect is no leak, in the words of the person who looked.
    """

    verdict: Verdict
    worth: Worth | None = None
    answer: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The finding as plain data, in the order of the JSON answer."""
        plain: dict[str, Any] = {
            "code": self.code,
            "severity": self.severity.value,
            "verdict": self.verdict.value,
            "columns": list(self.columns),
            "sentence": self.sentence,
            "evidence": dict(self.evidence),
            "worth": None if self.worth is None else msgspec.to_builtins(self.worth),
            "remedy": self.remedy,
            "url": self.url,
        }
        if self.answer:
            plain["answer"] = self.answer
        return plain


class NotTested(msgspec.Struct, frozen=True, kw_only=True):
    """A type of leak that was not tested, and the input it would need.

    `requested` says that the caller asked for it, by name or by giving an input for it.
    """

    type: str
    needs: str
    requested: bool = False


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A person's answer to a suspect: why these columns are no leak under this code."""

    code: str
    columns: tuple[str, ...]
    explanation: str
    by: str = ""


class Peel(msgspec.Struct, frozen=True, kw_only=True):
    """The peel curve: the score as the column the model leans on most is dropped, again and again.

    Attributes:
        metric: as in `Worth`.
        scores: score of all columns, then after each removal; length ``len(removed) + 1``.
        removed: the columns in the order of their removal.
    """

    metric: str
    scores: tuple[float, ...]
    removed: tuple[str, ...]


class AuditReport(Result, msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `holdfast.audit`.

    Attributes:
        passed: False with any PROVEN leak; None with an unanswered SUSPECT or when a check that
            was asked for could not be made; else True: clear as far as tested.
        findings: the leaks, PROVEN first, then by what they are worth.
        not_tested: types of leak that were not tested, with the input each would need.
        tested: types that were.
        rows, test_rows: rows looked at.
        task: ``binary``, ``multiclass``, ``regression``, or ``none`` without a usable target.
        target: the column predicted, or empty.
        features: columns audited.
        score: score with every column against the score without all suspected ones.
        peel: the peel curve, where one was made.
    """

    passed: bool | None
    findings: tuple[LeakFinding, ...] = ()
    not_tested: tuple[NotTested, ...] = ()
    tested: tuple[str, ...] = ()
    rows: int = 0
    test_rows: int = 0
    task: str = "none"
    target: str = ""
    features: tuple[str, ...] = ()
    score: Worth | None = None
    peel: Peel | None = None

    def __repr__(self) -> str:
        word = {True: "passed as far as tested", False: "did not pass", None: "could not tell"}
        lines = [f"AuditReport: {word[self.passed]}. {self.verdict}"]
        lines += [f"  {f.verdict.value}: {f.sentence} [{f.code}]" for f in self.findings]
        return "\n".join(lines)

    @property
    def verdict(self) -> str:
        """The answer in one sentence."""
        from holdfast.audit.words import verdict

        return verdict(self)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data: passed, findings, not_tested first."""
        plain = super().to_dict()
        plain["not_tested"] = [{"type": n.type, "needs": n.needs} for n in self.not_tested]
        first = {name: plain.pop(name) for name in ("passed", "findings", "not_tested")}
        return {**first, "verdict": self.verdict, **plain}

    def to_frame(self) -> pa.Table:
        """One row a finding: code, verdict, columns, sentence, worth, remedy."""
        import pyarrow as pa

        number = pa.float64()
        worths = [f.worth for f in self.findings]
        return pa.table(
            {
                "code": pa.array([f.code for f in self.findings], pa.string()),
                "severity": pa.array([f.severity.value for f in self.findings], pa.string()),
                "verdict": pa.array([f.verdict.value for f in self.findings], pa.string()),
                "columns": pa.array(
                    [list(f.columns) for f in self.findings], pa.list_(pa.string())
                ),
                "sentence": pa.array([f.sentence for f in self.findings], pa.string()),
                "metric": pa.array([w and w.metric for w in worths], pa.string()),
                "with": pa.array([w and w.with_ for w in worths], number),
                "without": pa.array([w and w.without for w in worths], number),
                "low": pa.array([w and w.low for w in worths], number),
                "high": pa.array([w and w.high for w in worths], number),
                "answer": pa.array([f.answer for f in self.findings], pa.string()),
                "remedy": pa.array([f.remedy for f in self.findings], pa.string()),
            }
        )

    def document(self, name: str = "") -> Document:
        """The audit as a report; `name` says of what."""
        from holdfast.audit.report import document

        return document(self, name)
