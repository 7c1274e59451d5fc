"""Static scan of a training script or notebook: nothing is run, every finding names its line."""

from __future__ import annotations

from typing import Any, NamedTuple

from holdfast.audit.code.rules import RULES
from holdfast.audit.code.source import Place, parse
from holdfast.audit.code.walk import trace
from holdfast.audit.record import LeakFinding, NotTested, Verdict
from holdfast.errors import DataError

__all__ = ["Scan", "read_code", "scan", "unread"]


class Scan(NamedTuple):
    """What the scan saw.

    Attributes:
        findings: mistakes, in the order of the code.
        unread: places of cells (or of the script) that are not Python and were not read.
        splits: whether the code splits or cross-validates at all; without that, "nothing found"
            says nothing about leakage.
    """

    findings: tuple[LeakFinding, ...]
    unread: tuple[Place, ...]
    splits: bool


def scan(text: str) -> list[LeakFinding]:
    """Leaks between fit and test in a script (Python text) or a notebook (.ipynb text).

    Follows assignments, functions of the script, ``train_test_split``, splitters, cross-validation
    helpers, pipelines, and cuts by hand whose names say ``train`` and ``test``. What happens in
    imported modules of your own is not seen. Every finding is a SUSPECT: reading is not running.

    Raises:
        DataError: a notebook without cells, no Python at all, or more than two million characters.

    Example:
        >>> found = scan('''
        ... X = StandardScaler().fit_transform(X)
        ... X_train, X_test = train_test_split(X)
        ... ''')
        >>> [(f.code, f.evidence["line"]) for f in found]
        [('HF-L-CODE-FIT-BEFORE-SPLIT', 2)]
    """
    seen = read_code(text)
    if len(seen.unread) == 1 and seen.unread[0].cell is None:
        raise DataError(
            "the code cannot be parsed",
            expected="Python 3, or a Jupyter notebook",
            got=f"{len(text):,} characters that are not Python",
            remedy="check that it runs with this version of Python",
        )
    return list(seen.findings)


def unread(text: str) -> list[NotTested]:
    """What `scan` could not tell: cells that are not Python, or code that never splits.

    Example:
        >>> [missing.needs for missing in unread("x = 1")]
        ['code that splits rows, cross-validates, or names its test rows']
    """
    seen = read_code(text)
    found = []
    if seen.unread:
        shown = ", ".join(str(place.cell) for place in seen.unread[:8] if place.cell is not None)
        where = f"cells {shown} of the notebook" if shown else "the training code"
        found.append(NotTested(type=where, needs="Python that can be parsed", requested=True))
    if not seen.splits and not seen.findings:
        found.append(
            NotTested(
                type="the split in the training code",
                needs="code that splits rows, cross-validates, or names its test rows",
                requested=True,
            )
        )
    return found


def read_code(text: str) -> Scan:
    """As `scan`, with what could not be read; raises `DataError` for size and empty notebooks."""
    code = parse(text)
    try:
        seen = trace(code.tree)
    except RecursionError:  # thousands of chained calls: generated, not written
        return Scan((), (Place(1, None),), False)
    found: list[tuple[int, LeakFinding]] = []
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
            found.append((hit.line, LeakFinding(
                code=rule.code, severity=rule.severity, verdict=Verdict.SUSPECT,
                evidence=evidence, remedy=rule.remedy,
                sentence=f"{words[0].upper()}{words[1:]}: {hit.sentence}",
            )))  # fmt: skip
    found.sort(key=lambda pair: pair[0])
    splits = bool(seen.made_in) or seen.cross_validated
    return Scan(tuple(finding for _, finding in found), code.unread, splits)
