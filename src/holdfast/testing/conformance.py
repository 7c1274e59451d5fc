"""Proof that the guard, a rule's `check_one` and its `check` say the same of every row.

Three roads lead to a mark: the compiled guard (one row), `check_one` (one value, plainly written)
and `check` (whole columns). `disagreements` walks all three over the same rows and returns where
they part; an empty list is the proof for those rows.

A new rule, or a guard of your own, is run through the same suite.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.contracts import model as m
from holdfast.contracts.guard import compile_guard
from holdfast.contracts.rules import (
    code,
    cross_member,
    field_member,
    field_one,
    fields_of,
)

if TYPE_CHECKING:
    from holdfast.frames import Table

#: a guard under test: a row to its verdict
GuardLike = Callable[[dict[str, Any]], m.Verdict]
#: field, code, whether it is a note
Mark = tuple[str, str, bool]

_OUTCOME = {
    m.Policy.ALLOW: m.Outcome.OK,
    m.Policy.IMPUTE: m.Outcome.DEGRADED,
    m.Policy.CLIP: m.Outcome.DEGRADED,
    m.Policy.FALLBACK: m.Outcome.DEGRADED,
    m.Policy.ABSTAIN: m.Outcome.ABSTAINED,
    m.Policy.REJECT: m.Outcome.REJECTED,
}
_ORDER = list(m.Outcome)


class Disagreement(msgspec.Struct, frozen=True, kw_only=True):
    """One row on which two roads part.

    Attributes:
        row: number of the row, from 0.
        between: which two, for example ``guard / check_one``.
        left: what the first says.
        right: what the second says.
        field: the field or rule concerned, where it is one.
    """

    row: int
    between: str
    left: Any
    right: Any
    field: str = ""


def disagreements(
    data: m.ContractData, table: Table, *, guard: GuardLike | None = None, most: int = 20
) -> list[Disagreement]:
    """Where guard, `check_one` and `check` part on the rows of a table.

    Args:
        data: the contract; its serving view is looked at.
        table: a table with every field of that view.
        guard: the guard under test; the compiled one when not given.
        most: stop after so many.
    """
    data = serving(data)
    rows = list(table.rows())
    found = row_disagreements(data, rows, guard=guard, most=most)
    fields = {field.name: field for field in data.fields}
    for field in data.fields:
        column = table.column(field.name)
        for rule in field.rules:
            member = field_member(rule)
            ones = [member.check_one(rule, field, row[field.name]) for row in rows]
            mask = member.check(rule, field, column).tolist()
            found += _differing(mask, ones, f"check / check_one of {code(rule)}", field.name)
            clean = getattr(member, "clean", None)
            if clean is not None and clean(rule, field, column) and any(ones):
                found += _differing([False] * len(ones), ones, f"clean of {code(rule)}", field.name)
    for cross in data.cross:
        columns = {name: table.column(name) for name in fields_of(cross)}
        mask = cross_member(cross).check(cross, fields, columns).tolist()
        ones = [cross_member(cross).check_one(cross, fields, row) for row in rows]
        found += _differing(mask, ones, f"check / check_one of {code(cross)}", fields_of(cross)[0])
    return found[:most]


def row_disagreements(
    data: m.ContractData,
    rows: Iterable[dict[str, Any]],
    *,
    guard: GuardLike | None = None,
    most: int = 20,
) -> list[Disagreement]:
    """Where the guard and `check_one` part on rows of any values, marks and outcomes alike."""
    data = serving(data)
    asked = compile_guard(data) if guard is None else guard
    fields = {field.name: field for field in data.fields}
    found: list[Disagreement] = []
    for number, row in enumerate(rows):
        before = dict(row)
        verdict = asked(row)
        marks = [(v.field, v.code, v.note) for v in verdict.violations if v.code != "unknown_field"]
        expected, outcome = _expected(data, fields, row)
        if marks != expected:
            found.append(_parting(number, marks, expected))
        elif verdict.outcome != _with_unknown(data, fields, row, outcome):
            found.append(_parting(number, verdict.outcome, outcome))
        elif row.keys() != before.keys() or any(row[k] is not before[k] for k in row):
            found.append(_parting(number, "the caller's row was changed", None))
        if len(found) >= most:
            break
    return found


def serving(data: m.ContractData) -> m.ContractData:
    """The part of a contract that is asked at serving."""
    fields = tuple(field for field in data.fields if field.role in m.SERVING_ROLES)
    names = {field.name for field in fields}
    cross = tuple(rule for rule in data.cross if names.issuperset(fields_of(rule)))
    return msgspec.structs.replace(data, fields=fields, cross=cross)


def _parting(number: int, left: Any, right: Any) -> Disagreement:
    return Disagreement(row=number, between="guard / check_one", left=left, right=right)


def _differing(
    left: Sequence[bool], right: Sequence[bool], between: str, field: str
) -> list[Disagreement]:
    if list(left) == list(right):
        return []
    return [
        Disagreement(row=number, between=between, left=a, right=b, field=field)
        for number, (a, b) in enumerate(zip(left, right, strict=True))
        if a != b
    ]


def _expected(
    data: m.ContractData, fields: Mapping[str, m.Field], row: Mapping[str, Any]
) -> tuple[list[Mark], m.Outcome]:
    """The marks and outcome of a row, by the plainly written rules alone."""
    marks: list[Mark] = []
    worst = m.Outcome.OK
    for field in data.fields:
        for rule in field_one(field, row.get(field.name)):
            marks.append((field.name, code(rule), not rule.rows))
            clips = isinstance(rule, m.RangeRule) and field.kind in {
                m.Kind.NUMERIC,
                m.Kind.INTEGER,
            }
            policy = rule.policy or field.policy
            if policy is m.Policy.CLIP and not clips:
                policy = m.Policy.ABSTAIN
            worst = _worse(worst, policy if rule.rows else m.Policy.ALLOW)
    for cross in data.cross:
        if cross_member(cross).check_one(cross, fields, row):
            marks.append((fields_of(cross)[0], code(cross), not cross.rows))
            policy = cross.policy or data.cross_policy
            if policy in {m.Policy.CLIP, m.Policy.IMPUTE}:
                policy = m.Policy.ABSTAIN
            worst = _worse(worst, policy if cross.rows else m.Policy.ALLOW)
    return marks, worst


def _worse(outcome: m.Outcome, policy: m.Policy) -> m.Outcome:
    return max(outcome, _OUTCOME[policy], key=_ORDER.index)


def _with_unknown(
    data: m.ContractData, fields: Mapping[str, m.Field], row: Mapping[str, Any], outcome: m.Outcome
) -> m.Outcome:
    return outcome if row.keys() <= fields.keys() else _worse(outcome, data.unknown_fields)
