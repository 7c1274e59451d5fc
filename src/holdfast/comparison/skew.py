"""Train/serve skew: what was logged at serving, held against what training saw, feature by feature.

The logged rows are joined with the training (warehouse) table by id, or by entity and time. A
feature *differs* when the Wilson lower bound of its share of mismatches is above what is allowed,
and is the *same as far as tested* when the upper bound is small; between the two it could not be
told.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from holdfast import frames
from holdfast.comparison.skew_feature import FeatureWork
from holdfast.comparison.skew_report import FeatureSkew, SkewReport
from holdfast.diagnosis.words import percent
from holdfast.errors import DataError, UsageError
from holdfast.findings import Finding, Severity
from holdfast.frames import Table
from holdfast.frames.equality import (
    Tolerance,
)
from holdfast.frames.joining import Joined, join
from holdfast.reports.naming import names

if TYPE_CHECKING:
    from holdfast.contracts import Contract

#: share of mismatches that is allowed: one row in a thousand
ALLOWED = 0.001
#: share of logged rows without partner from which nothing is said of the whole
LOST = 0.5


def skew(
    logged: Any,
    training: Any,
    *,
    key: str | Sequence[str],
    features: Sequence[str] | None = None,
    contract: Contract | None = None,
    entity: str | None = None,
    event_time: str | None = None,
    tolerance: Tolerance | None = None,
    allowed: float = ALLOWED,
    show_ids: bool = False,
    seed: int = 0,
) -> SkewReport:
    """Joins logged requests with the training table and compares every feature.

    Args:
        logged: the requests as served; anything `holdfast.frames.read` takes.
        training: the training or warehouse table.
        key: column or columns that name the row in both; or the entity, with `event_time`.
        features: columns to compare; the contract's features, else every common column.
        contract: names features, entity and event time, and says which values may be shown.
        entity: column that names the row's owner, to recognise values that were not refreshed.
        event_time: column that says when, on both sides. Where keys repeat in training, each
            logged row is compared with the latest training row that is not later.
        tolerance: when two numbers count as equal.
        allowed: share of mismatches that is fine, in [0, 1).
        show_ids: show the keys of example rows; else their numbers only.
        seed: of the sample in which patterns are looked for.

    Raises:
        DataError: an empty table, no such key or feature, nothing in common.
        UsageError: `allowed` is out of range.

    Example:
        >>> ids = list(range(1, 201))
        >>> served = {"id": ids, "income": [100.0 * i for i in ids]}
        >>> trained = {"id": ids, "income": [float(i) for i in ids]}
        >>> report = skew(served, trained, key="id")
        >>> report.passed, report.findings[0].code
        (False, 'HF-SKEW-UNIT')
        >>> print(report.findings[0].sentence)
        `income` differs in 100% of 200 rows (98% to 100%): logged = 100 x training in all \
of them (per cent, or cents)
    """
    if not 0.0 <= allowed < 1.0:
        raise UsageError(
            "the allowed share of mismatches is out of range",
            expected="a number from 0 to below 1",
            got=f"allowed={allowed}",
        )
    left, right = frames.read(logged), frames.read(training)
    keys = (key,) if isinstance(key, str) else tuple(key)
    if contract is not None:
        entity = entity or _by_role(contract, "entity", left, right)
        event_time = event_time or _by_role(contract, "event_time", left, right)
    _usable(left, right, keys)
    joined = join(left, right, keys, event_time)
    chosen = _features(left, right, keys, features, contract, entity, event_time, joined)
    work = FeatureWork(
        left,
        right,
        joined,
        keys=keys,
        contract=contract,
        entity=entity,
        event_time=event_time,
        tolerance=tolerance or Tolerance(),
        allowed=allowed,
        show_ids=show_ids,
        seed=seed,
    )
    results = [work.feature(name) for name in chosen]
    findings = [f for _, found in results for f in found]
    only_logged = tuple(n for n in left.names if n not in right)
    only_training = tuple(n for n in right.names if n not in left)
    findings += _about_columns(only_training, contract)
    findings += _about_rows(joined, left.num_rows)
    lost = joined.without_partner + joined.ambiguous + joined.null_keys
    return SkewReport(
        passed=_passed([f for f, _ in results], findings, lost / left.num_rows),
        mode="join",
        logged_rows=left.num_rows,
        training_rows=right.num_rows,
        pairs=len(joined.logged),
        without_partner=joined.without_partner,
        left_out=joined.ambiguous + joined.null_keys,
        duplicates=(joined.duplicates_logged, joined.duplicates_training),
        allowed=allowed,
        tolerance=work.tolerance,
        features=tuple(sorted((f for f, _ in results), key=_worst_first)),
        only_logged=only_logged,
        only_training=only_training,
        findings=tuple(sorted(findings, key=lambda f: -f.severity.rank)),
    )


def _worst_first(feature: FeatureSkew) -> tuple[float, str]:
    return -(feature.share.value or 0.0), feature.name


def _passed(
    features: Sequence[FeatureSkew], findings: Sequence[Finding], lost: float
) -> bool | None:
    if any(f.severity.rank >= Severity.ERROR.rank for f in findings):
        return False
    if lost > LOST or any(f.same is not True for f in features):
        return None
    return True


def _by_role(contract: Contract, role: str, left: Table, right: Table) -> str | None:
    found = (f.name for f in contract.fields if f.role.value == role)
    return next((name for name in found if name in left and name in right), None)


def _usable(left: Table, right: Table, keys: Sequence[str]) -> None:
    for table, which in ((left, "logged"), (right, "training")):
        if not table.num_rows:
            raise DataError(
                f"the {which} table has no rows",
                code="HF-E-SKEW-EMPTY",
                expected="at least one row",
                got="0 rows",
                remedy="check the file and the days it covers",
            )
        absent = [name for name in keys if name not in table]
        if absent or not keys:
            raise DataError(
                f"the {which} table lacks the key",
                code="HF-E-SKEW-KEY",
                expected=f"a column {absent[0]!r}" if absent else "a key",
                got=f"columns {', '.join(table.names[:12])}",
                remedy="name the column that both tables share with --key",
            )


def _features(
    left: Table,
    right: Table,
    keys: Sequence[str],
    asked: Sequence[str] | None,
    contract: Contract | None,
    entity: str | None,
    event_time: str | None,
    joined: Joined,
) -> tuple[str, ...]:
    """Columns to compare, in the order of the training table."""
    if asked is not None:
        absent = [n for n in asked if n not in left or n not in right]
        if absent:
            where = "logged" if absent[0] not in left else "training"
            raise DataError(
                f"a feature is not in the {where} table",
                code="HF-E-SKEW-COLUMNS",
                expected=f"a column {absent[0]!r}",
                got=f"columns {', '.join((left if where == 'logged' else right).names[:12])}",
                remedy="check the spelling, capitals included",
            )
        return tuple(asked)
    skipped = {*keys, entity, event_time if joined.by_time else None}
    chosen = tuple(n for n in right.names if n in left and n not in skipped)
    if contract is not None:
        known = {*contract.features, event_time}
        chosen = tuple(n for n in chosen if n in known)
    if not chosen:
        raise DataError(
            "the two tables have no feature in common",
            code="HF-E-SKEW-COLUMNS",
            expected="columns of the same name beside the key",
            got=f"logged {', '.join(left.names[:8])}; training {', '.join(right.names[:8])}",
            remedy="rename the columns of one side, or name them with --feature",
        )
    return chosen


def _about_columns(only_training: Sequence[str], contract: Contract | None) -> list[Finding]:
    """Features of the contract that were not logged."""
    if contract is None:
        return []
    lost = [name for name in only_training if name in contract.features]
    if not lost:
        return []
    return [
        Finding(
            code="HF-SKEW-COLUMN",
            severity=Severity.WARNING,
            sentence=f"{names(lost)} {'is' if len(lost) == 1 else 'are'} in training and not in "
            "the log, so nothing can be said of what the model was served there",
            columns=tuple(lost),
            remedy="Log every feature that the model is asked with.",
        )
    ]


def _about_rows(joined: Joined, rows: int) -> list[Finding]:
    """Rows that could not be compared, and keys that stand twice."""
    found = []
    lost = joined.without_partner
    if lost:
        found.append(
            Finding(
                code="HF-SKEW-UNMATCHED",
                severity=Severity.WARNING if lost > 0.05 * rows else Severity.NOTE,
                sentence=f"{lost:,} of {rows:,} logged rows ({percent(lost / rows)}) have no "
                "partner in the training table and were not compared",
                evidence={"rows": lost, "logged": rows},
                remedy="Check that both tables cover the same days and that no filter drops rows.",
            )
        )
    repeated = joined.duplicates_logged, joined.duplicates_training
    if any(repeated) or joined.ambiguous or joined.null_keys:
        parts = [
            f"{count:,} {what}"
            for count, what in (
                (repeated[0], "logged rows repeat a key"),
                (repeated[1], "training rows repeat a key"),
                (joined.ambiguous, "logged rows were left out because their key is ambiguous"),
                (joined.null_keys, "logged rows have no key"),
            )
            if count
        ]
        found.append(
            Finding(
                code="HF-SKEW-DUPLICATE-KEY",
                severity=Severity.WARNING,
                sentence="; ".join(parts),
                evidence={
                    "repeated_logged": repeated[0],
                    "repeated_training": repeated[1],
                    "ambiguous": joined.ambiguous,
                    "without_key": joined.null_keys,
                },
                remedy="Find out which of the repeated rows was served; give every request its own "
                "id.",
            )
        )
    return found
