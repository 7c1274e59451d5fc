"""JUnit XML: a finding at error or above is a failed case, a silent check a passed one."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from holdfast.findings import Finding, Severity
from holdfast.reports.cells import clean
from holdfast.reports.document import Callout, Document, Findings


def render(document: Document) -> str:
    """One test suite; "could not tell" is a skipped case, never a passed one."""
    blocks = [b for b in document.blocks if isinstance(b, Findings)]
    findings = [f for b in blocks for f in b.findings]
    passed = [name for b in blocks for name in b.passed]
    cases = [_case(f) for f in findings]
    cases += [f"    <testcase classname={_attr(document.title)} name={_attr(n)}/>" for n in passed]
    skipped = 0
    if document.passed is None:
        skipped = 1
        cases.append(
            f'    <testcase classname={_attr(document.title)} name="verdict">'
            f"<skipped message={_attr(_verdict(document))}/></testcase>"
        )
    failures = sum(_fails(f) for f in findings)
    counts = f'tests="{len(cases)}" failures="{failures}" errors="0" skipped="{skipped}"'
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f"<testsuites {counts}>",
            f"  <testsuite name={_attr(document.title)} {counts}>",
            *cases,
            "  </testsuite>",
            "</testsuites>",
            "",
        ]
    )


def _verdict(document: Document) -> str:
    said = [b.title for b in document.blocks if isinstance(b, Callout)]
    return said[0] if said else document.summary or "could not tell"


def _fails(finding: Finding) -> bool:
    return finding.severity.rank >= Severity.ERROR.rank


def _case(finding: Finding) -> str:
    name = finding.code + (f" {', '.join(finding.columns)}" if finding.columns else "")
    body = clean(finding.sentence) + (
        f"\nremedy: {clean(finding.remedy)}" if finding.remedy else ""
    )
    if _fails(finding):
        kind, message = _attr(finding.severity.value), _attr(finding.sentence)
        inner = f"<failure type={kind} message={message}>{escape(body)}</failure>"
    else:
        inner = f"<system-out>{escape(body)}</system-out>"
    return f"    <testcase classname={_attr(finding.code)} name={_attr(name)}>{inner}</testcase>"


def _attr(text: str) -> str:
    return quoteattr(clean(text))
