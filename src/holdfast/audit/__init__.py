"""Audit: whether a table tells a model what it could not know, before anything is released.

Example:
    >>> from holdfast.audit import audit
    >>> rows = [{"age": 20 + i * 7 % 50, "bad": int(i % 3 == 0)} for i in range(300)]
    >>> audit(rows, target="bad").passed
    True
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.lazy import lazy_names

_PUBLIC = {
    "Answer": "holdfast.audit.record",
    "AuditReport": "holdfast.audit.record",
    "LeakFinding": "holdfast.audit.record",
    "NotTested": "holdfast.audit.record",
    "Verdict": "holdfast.audit.record",
    "Worth": "holdfast.audit.record",
    "audit": "holdfast.audit.run",
}

__all__ = ["Answer", "AuditReport", "LeakFinding", "NotTested", "Verdict", "Worth", "audit"]

if TYPE_CHECKING:
    from holdfast.audit.record import (
        Answer,
        AuditReport,
        LeakFinding,
        NotTested,
        Verdict,
        Worth,
    )
    from holdfast.audit.run import audit


__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
