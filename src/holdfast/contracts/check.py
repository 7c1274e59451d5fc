"""Check a table against a contract: which rules mark more rows than chance explains.

A rule complains when the exact binomial probability of at least so many marked rows, at the
share the contract allows, falls below the report's error divided by the number of rules. So a
clean batch raises any finding at all with at most that error (1%), however wide the table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.contracts.explain import absent, finding, unknown
from holdfast.contracts.model import (
    ContractData,
    CrossRule,
    Field,
    FieldRule,
    NullRule,
    NullTogetherRule,
    Policy,
    TypeRule,
)
from holdfast.contracts.report import CheckReport, ColumnResult, RuleResult
from holdfast.contracts.rules import code, cross_member, field_member, fields_of
from holdfast.frames import read
from holdfast.stats.intervals import binomial_tail

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdfast.findings import Finding
    from holdfast.frames import ColumnView, Table

REPORT_ERROR = 0.01


def check(data: ContractData, source: Any, *, view: str = "training") -> CheckReport:
    """Check every field and cross-field rule of `data` on a table."""
    table: Table = read(source)
    alpha = REPORT_ERROR / max(1, sum(len(f.rules) for f in data.fields) + len(data.cross))
    fields = {field.name: field for field in data.fields}
    findings: list[Finding] = []
    columns: list[ColumnResult] = []
    for field in data.fields:
        if field.name not in table:
            columns.append(ColumnResult(name=field.name, kind=field.kind.value, present=False))
            if table.num_rows and field.required:
                findings.append(absent(field, table.num_rows))
            continue
        rules = tuple(field_results(field, table.column(field.name), alpha))
        columns.append(
            ColumnResult(name=field.name, kind=field.kind.value, present=True, rules=rules)
        )
        findings += [
            finding(result, field, rule)
            for result, rule in zip(rules, field.rules, strict=True)
            if result.complains
        ]
    cross = []
    for rule in data.cross:
        names = fields_of(rule)
        if all(name in table for name in names):
            views = {name: table.column(name) for name in names}
            cross.append(_cross_result(rule, fields, views, alpha))
            if cross[-1].complains:
                findings.append(finding(cross[-1], fields[names[0]], rule))
    if data.unknown_fields is Policy.REJECT:
        findings += [unknown(name) for name in table.names if name not in fields]
    return CheckReport(
        passed=_passed(findings, columns, table.num_rows),
        rows=table.num_rows,
        view=view,
        findings=tuple(findings),
        columns=tuple(columns),
        cross=tuple(cross),
        error=REPORT_ERROR,
    )


def field_results(field: Field, column: ColumnView, alpha: float) -> list[RuleResult]:
    """Every rule of a field on its column, in order."""
    results = []
    tried = column.present_count
    for rule in field.rules:
        if isinstance(rule, NullRule):
            results.append(_result(rule, (field.name,), len(column), column.missing_count, alpha))
            continue
        marked = count(rule, field, column)
        results.append(_result(rule, (field.name,), tried, marked, alpha))
        if isinstance(rule, TypeRule):
            tried -= marked
    return results


def count(rule: FieldRule, field: Field, column: ColumnView) -> int:
    """Rows of a column that a rule marks, without a mask where bounds tell."""
    member = field_member(rule)
    if not len(column) or member.clean(rule, field, column):
        return 0
    return int(np.count_nonzero(member.check(rule, field, column)))


def _cross_result(
    rule: CrossRule,
    fields: Mapping[str, Field],
    columns: Mapping[str, ColumnView],
    alpha: float,
) -> RuleResult:
    mask = cross_member(rule).check(rule, fields, columns)
    tried = len(mask)
    if not isinstance(rule, NullTogetherRule):
        missing = [c.missing for c in columns.values() if c.missing is not None]
        if missing:
            tried -= int(np.count_nonzero(np.logical_or.reduce(missing)))
    return _result(rule, fields_of(rule), tried, int(np.count_nonzero(mask)), alpha)


def _result(
    rule: FieldRule | CrossRule, names: tuple[str, ...], rows: int, marked: int, alpha: float
) -> RuleResult:
    tail = binomial_tail(marked, rows, rule.max_share) if marked else 1.0
    complains: bool | None = tail < alpha
    if not complains and (rows == 0 or rule.max_share**rows >= alpha):
        complains = None  # not even a wholly marked batch of this size would say more than chance
    return RuleResult(
        code=code(rule),
        fields=names,
        rows=rows,
        marked=marked,
        share=marked / rows if rows else None,
        allowed=rule.max_share,
        tail=tail,
        complains=complains,
        strict=rule.rows,
    )


def _passed(findings: list[Finding], columns: list[ColumnResult], rows: int) -> bool | None:
    """False with a finding; None when even a missing column could not be told from chance."""
    if findings:
        return False
    if not rows:
        return None
    untold = any(
        result.complains is None and (result.strict or result.allowed <= 0.5)
        for column in columns
        for result in column.rules
        if result.code == "null"
    )
    return None if untold else True
