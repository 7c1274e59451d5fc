"""A finding: one thing a person should know, with its evidence and remedy."""

from __future__ import annotations

import enum
from typing import Any

import msgspec

DOCS_PAGE = "docs/findings.md"


class Severity(enum.StrEnum):
    """How much a finding matters, mildest first."""

    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 (note) to 3 (critical), for comparing.

        >>> Severity.ERROR.rank > Severity.NOTE.rank
        True
        """
        return list(Severity).index(self)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One finding, the same shape in every report, answer and log.

    Attributes:
        code: stable identifier, ``HF-…``, also the name of its documentation page.
        severity: how much it matters.
        sentence: what was found, in one sentence a newcomer understands.
        columns: the columns concerned, the most guilty first.
        evidence: plain numbers and values that support the sentence.
        remedy: what to do about it.
    """

    code: str
    severity: Severity
    sentence: str
    columns: tuple[str, ...] = ()
    evidence: dict[str, Any] = {}
    remedy: str = ""

    @property
    def url(self) -> str:
        """Where this finding's code is documented."""
        return f"{DOCS_PAGE}#{self.code.lower()}"

    def to_dict(self) -> dict[str, Any]:
        """The finding as plain data: code, severity, sentence, columns, evidence, remedy, url."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "sentence": self.sentence,
            "columns": list(self.columns),
            "evidence": dict(self.evidence),
            "remedy": self.remedy,
            "url": self.url,
        }
