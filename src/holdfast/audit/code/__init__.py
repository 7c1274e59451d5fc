"""Static scan of a training script or notebook: nothing is run, every finding names its line."""

from __future__ import annotations

from typing import Any, NamedTuple

from holdfast.audit.code.rules import RULES
from holdfast.audit.code.source import Place, parse
from holdfast.audit.code.walk import trace
from holdfast.findings import Finding

__all__ = ["Scan", "scan"]


class Scan(NamedTuple):
    """What the scan saw.

    Attributes:
        findings: mistakes, in the order of the code.
        unread: places of cells (or of the script) that are not Python and were not read.
        splits: whether the code splits, cross-validates or names a test part at all; without one,
            "nothing found" says nothing about leakage.
    """

    findings: tuple[Finding, ...]
    unread: tuple[Place, ...]
    splits: bool


def scan(text: str) -> Scan:
    """Reads a script (Python text) or a notebook (.ipynb text) for leaks between fit and test.

    Follows assignments, functions of the script, ``train_test_split``, splitters, cross-validation
    helpers, pipelines, and cuts by hand whose names say ``train`` and ``test``. What happens in
    imported modules of your own is not seen.

    Raises:
        DataError: a notebook without cells, or more than two million characters.

    Example:
        >>> found = scan('''
        ... X = StandardScaler().fit_transform(X)
        ... X_train, X_test = train_test_split(X)
        ... ''')
        >>> [(f.code, f.evidence["line"]) for f in found.findings]
        [('HF-L-CODE-FIT-BEFORE-SPLIT', 2)]
    """
    code = parse(text)
    seen = trace(code.tree)
    found: list[tuple[int, Finding]] = []
    for rule in RULES:
        for hit in rule.look(seen):
            place = code.place(hit.line)
            evidence: dict[str, Any] = {"line": place.line, "cell": place.cell, "what": hit.what}
            evidence["code"] = code.text(hit.line)
            if hit.related and hit.related != hit.line:
                other = code.place(hit.related)
                evidence["related_line"] = other.line
                if other.cell is not None:
                    evidence["related_cell"] = other.cell
            words = place.words()
            found.append((hit.line, Finding(
                code=rule.code, severity=rule.severity, evidence=evidence, remedy=rule.remedy,
                sentence=f"{words[0].upper()}{words[1:]}: {hit.sentence}.",
            )))  # fmt: skip
    found.sort(key=lambda pair: pair[0])
    splits = bool(seen.made_in) or seen.cross_validated
    return Scan(tuple(finding for _, finding in found), code.unread, splits)
