"""The sentences of an audit: the verdict, and what a leak is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdfast.audit.record import AuditReport, Worth


def expect(worth: Worth) -> str:
    """What to expect without the leak.

    >>> from holdfast.audit.record import Worth
    >>> expect(Worth(metric="AUC", with_=0.92, without=0.76, low=0.15, high=0.17))
    'expect AUC 0.76, not 0.92'
    """
    digits = 2 if abs(worth.gain) >= 0.01 else 3
    return f"expect {worth.metric} {worth.without:.{digits}f}, not {worth.with_:.{digits}f}"


def verdict(report: AuditReport) -> str:
    """The whole audit in one sentence."""
    from holdfast.audit.record import Verdict

    proven = [f for f in report.findings if f.verdict is Verdict.PROVEN]
    open_ = [f for f in report.findings if f.verdict is Verdict.SUSPECT and not f.answer]
    answered = [f for f in report.findings if f.verdict is Verdict.SUSPECT and f.answer]
    impossible = [n.type for n in report.not_tested if n.requested]
    parts = []
    if proven:
        parts.append(_count(len(proven), "leak is proven", "leaks are proven"))
    if open_:
        parts.append(_count(len(open_), "suspect waits", "suspects wait") + " for an answer")
    if answered:
        parts.append(_count(len(answered), "suspect was", "suspects were") + " answered")
    if impossible:
        parts.append("asked for but could not be tested: " + ", ".join(impossible))
    if not parts:
        untested = len(report.not_tested)
        rest = _count(untested, "type of leak was", "types of leak were") + " not tested"
        return "Clear as far as tested" + (f"; {rest}." if untested else ".")
    told = "; ".join(parts)
    told = told[0].upper() + told[1:]
    if report.score is not None and report.findings and report.score.gain >= 0.005:
        told += f": {expect(report.score)}"
    return told + "."


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
