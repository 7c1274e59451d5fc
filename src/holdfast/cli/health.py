"""What ``holdfast doctor`` looks at: versions, the store, the releases in it."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import shutil
from pathlib import Path

from holdfast.errors import HoldfastError
from holdfast.findings import Finding, Severity
from holdfast.reports.document import Document, Findings, KeyValues

#: free bytes under a store below which a person should look
LITTLE_SPACE = 1 << 30


def examine(store: Path | None) -> Document:
    """The state of this installation and of the store, if there is one."""
    findings, passed = _packages()
    facts: list[tuple[str, str | int | None]] = [
        ("holdfast", importlib.metadata.version("holdfast") if _installed() else "from source"),
        ("Python", platform.python_version()),
        ("system", f"{platform.system()} {platform.machine()}"),
    ]
    found, fine, more = _store(store)
    findings += found
    passed += fine
    facts += more
    bad = [f for f in findings if f.severity.rank >= Severity.ERROR.rank]
    return Document(
        title="Doctor",
        summary="All well." if not findings else f"{len(findings)} things to look at.",
        blocks=(
            KeyValues(items=tuple(facts)),
            Findings(findings=tuple(findings), passed=tuple(passed)),
        ),
        passed=not bad,
        data={
            "passed": not bad,
            "facts": dict(facts),
            "findings": [f.to_dict() for f in findings],
            "checks": passed,
        },
    )


def _installed() -> bool:
    try:
        importlib.metadata.version("holdfast")
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _packages() -> tuple[list[Finding], list[str]]:
    """Every dependency against the range it is declared with."""
    if not _installed():
        return [], []
    findings, passed = [], []
    for line in importlib.metadata.requires("holdfast") or []:
        if "extra ==" in line or ("win32" in line and platform.system() == "Windows"):
            continue
        name = re.split(r"[<>=!~; \[]", line, maxsplit=1)[0]
        wanted = line.split(";")[0].removeprefix(name).strip()
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            version = None
        if version is not None and within(version, wanted):
            passed.append(f"{name} {version}")
            continue
        findings.append(
            Finding(
                code="HF-D-PACKAGE",
                severity=Severity.ERROR if version is None else Severity.WARNING,
                sentence=f"{name} is {'absent' if version is None else version}, wanted {wanted}",
                evidence={"package": name, "version": version, "wanted": wanted},
                remedy=f"pip install '{name}{wanted}'",
            )
        )
    return findings, passed


def within(version: str, wanted: str) -> bool:
    """Whether a version keeps a range of ``>=`` and ``<`` bounds.

    >>> within("2.4.6", ">=2.0,<3"), within("3.0", ">=2.0,<3")
    (True, False)
    """
    have = _numbers(version)
    for part in (p.strip() for p in wanted.split(",")):
        if part.startswith(">=") and have < _numbers(part[2:]):
            return False
        if part.startswith("<") and not part.startswith("<=") and have >= _numbers(part[1:]):
            return False
    return True


def _numbers(text: str) -> tuple[int, ...]:
    found = [int(n) for n in re.findall(r"\d+", text)[:3]]
    return tuple(found + [0] * (3 - len(found)))


def _store(
    path: Path | None,
) -> tuple[list[Finding], list[str], list[tuple[str, str | int | None]]]:
    from holdfast.app import load_settings
    from holdfast.app.home import opened

    settings = load_settings({"store": str(path) if path is not None else None})
    place = Path(settings.store)
    if not place.exists():
        return [], [], [("store", f"none at {settings.store}")]
    findings: list[Finding] = []
    passed: list[str] = []
    free = shutil.disk_usage(place.resolve().parent).free
    if free < LITTLE_SPACE:
        findings.append(
            Finding(
                code="HF-D-SPACE",
                severity=Severity.WARNING,
                sentence=f"only {free / 2**20:,.0f} MiB are free under the store",
                evidence={"free_bytes": free},
                remedy="make room; a full disk makes the server refuse predictions",
            )
        )
    else:
        passed.append("space under the store")
    with opened(path, read_only=True) as home:
        found = home.store.verify()
        findings += found
        passed += [] if found else ["store"]
        rows = home.store.catalog.releases()
        for row in rows:
            try:
                home.registry.open(row.id).close()
                passed.append(f"release {row.id[:12]}")
            except HoldfastError as error:
                findings.append(
                    Finding(
                        code="HF-D-RELEASE",
                        severity=Severity.CRITICAL,
                        sentence=f"release {row.id[:12]} of {row.model} cannot be opened: "
                        f"{error.message}",
                        evidence={"release": row.id, "code": error.code},
                        remedy=error.remedy or "build the release again",
                    )
                )
    return findings, passed, [("store", str(place)), ("releases", len(rows))]
