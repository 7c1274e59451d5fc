"""Let a report decide a test."""

from __future__ import annotations

from typing import Any


def assert_passed(report: Any, *, allow_unknown: bool = False) -> None:
    """Fails when a Holdfast result did not pass, and says why.

    Args:
        report: any result with ``passed`` (evaluation, comparison, check ...).
        allow_unknown: whether None ("could not tell") passes too.

    Raises:
        AssertionError: it did not pass, or could not tell; the message lists its findings.
        TypeError: it is no Holdfast result.

    Example:
        >>> from holdfast.evaluation.regression import evaluate_regression
        >>> assert_passed(evaluate_regression([1.0, 2.0, 3.0, 9.0] * 9, [1.0, 2.0, 3.0, 8.0] * 9))
    """
    if not hasattr(report, "passed"):
        raise TypeError(f"no Holdfast result: {type(report).__name__} has no `passed`")
    if report.passed is True or (report.passed is None and allow_unknown):
        return
    raise AssertionError(describe(report))


def describe(report: Any, name: str = "") -> str:
    """A result in a few lines: verdict, summary, findings with their pages."""
    from holdfast.reports.document import Callout

    document = report.document(name) if hasattr(report, "document") else None
    verdict = {True: "passed", False: "failed", None: "could not tell"}[report.passed]
    title = getattr(document, "title", "") or type(report).__name__
    lines = [f"{title}: {verdict}"]
    if document is not None:
        if document.summary:
            lines.append(f"  {document.summary}")
        lines += [
            f"  {block.title} {block.text}".rstrip()
            for block in document.blocks
            if isinstance(block, Callout)
        ]
        lines += [f"  {f.severity}: {f.sentence} [{f.code}] {f.url}" for f in document.findings]
    return "\n".join(lines)
