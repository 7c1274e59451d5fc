"""SARIF 2.1.0, for code-scanning pages: one result a finding, columns as logical locations."""

from __future__ import annotations

import json
from typing import Any

from holdfast import __version__
from holdfast.findings import Finding, Severity
from holdfast.reports.cells import clean
from holdfast.reports.document import Document
from holdfast.reports.to_json import plain

LEVEL = {
    Severity.NOTE: "note",
    Severity.WARNING: "warning",
    Severity.ERROR: "error",
    Severity.CRITICAL: "error",
}


def render(document: Document) -> str:
    """One run with its rules and results."""
    findings = document.findings
    rules = {f.code: {"id": f.code, "helpUri": f.url} for f in findings}
    index = {code: i for i, code in enumerate(rules)}
    run = {
        "tool": {
            "driver": {
                "name": "holdfast",
                "version": __version__,
                "rules": list(rules.values()),
            }
        },
        "results": [_result(f, index[f.code]) for f in findings],
        "properties": {"title": clean(document.title), "passed": document.passed},
    }
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


def _result(finding: Finding, rule: int) -> dict[str, Any]:
    text = clean(finding.sentence) + (f" Remedy: {clean(finding.remedy)}" if finding.remedy else "")
    return {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": LEVEL[finding.severity],
        "message": {"text": text},
        "locations": [
            {"logicalLocations": [{"name": clean(column), "kind": "member"}]}
            for column in finding.columns
        ],
        "properties": {"severity": finding.severity.value, "evidence": plain(finding.evidence)},
    }
