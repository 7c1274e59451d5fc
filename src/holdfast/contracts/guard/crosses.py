"""The careful look at several values of one row: the cross-field rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from holdfast.contracts.guard.marks import LEAVE_OUT, OMIT, Effect, Marks, effect
from holdfast.contracts.model import (
    ConstantSumRule,
    CrossRule,
    DependencyRule,
    Field,
    NullTogetherRule,
    OrderRule,
    Policy,
)
from holdfast.contracts.rules import code, fields_of
from holdfast.contracts.rules.scalar import is_null, sentinels
from holdfast.contracts.values import ILL, canonical_of, matcher, plain

#: looks at the raw values of the rule's fields, in the order of `fields_of`
CrossHandler = Callable[[tuple[Any, ...], Marks | None], Marks | None]

_ABSENT = object()


def _same(left: Any, right: Any) -> bool:
    """Equality that never takes a boolean for a number."""
    return (left.__class__ is bool) is (right.__class__ is bool) and left == right


def _order(rule: OrderRule) -> Callable[[tuple[Any, ...]], bool]:
    if rule.strict:
        return lambda values: not values[0] < values[1]
    return lambda values: not values[0] <= values[1]


def _sum(rule: ConstantSumRule) -> Callable[[tuple[Any, ...]], bool]:
    total, tolerance = float(rule.total), float(rule.tolerance)

    def marked(values: tuple[Any, ...]) -> bool:
        found = 0.0
        for value in values:
            found += float(value)
        return not abs(found - total) <= tolerance

    return marked


def _dependency(rule: DependencyRule) -> Callable[[tuple[Any, ...]], bool]:
    numbers = {key: value for key, value in rule.mapping if key.__class__ is not bool}
    booleans = {key: value for key, value in rule.mapping if key.__class__ is bool}

    def marked(values: tuple[Any, ...]) -> bool:
        found, determinant = values
        if determinant.__class__ is list or found.__class__ is list:
            return False
        known = booleans if determinant.__class__ is bool else numbers
        expected = known.get(determinant, _ABSENT)
        return expected is not _ABSENT and not _same(expected, found)

    return marked


def _effect_of(rule: CrossRule, fields: Mapping[str, Field], policy: Policy) -> Effect:
    names = fields_of(rule)
    return effect(
        names[0],
        code(rule),
        policy if rule.policy is None else rule.policy,
        note=not rule.rows,
        show=all(fields[name].pii == "no" for name in names),
        imputable=False,
    )


def cross_handler(rule: CrossRule, fields: Mapping[str, Field], policy: Policy) -> CrossHandler:
    """The careful look at one cross-field rule.

    Only rows whose values are all present and of their kinds are tried, except by
    ``null_together``, which looks at presence alone; sentinels count as absent for order and sum.
    Under ``fallback`` the null fields are left out, or all of the rule's fields when none is
    null; ``impute`` and ``clip`` act like ``abstain``, since nobody knows which value is wrong.

    Args:
        rule: the rule.
        fields: every field it looks at, by name.
        policy: the contract's policy for cross-field rules; the rule's own goes first.
    """
    names = fields_of(rule)
    found = _effect_of(rule, fields, policy)

    def one(raws: tuple[Any, ...], marks: Marks | None) -> Marks:
        marks = [] if marks is None else marks
        marks.append(found.mark(*raws))
        if found.repair == LEAVE_OUT:
            nulls = tuple(n for n, raw in zip(names, raws, strict=True) if is_null(plain(raw)))
            marks.append((None, 0, OMIT, nulls or names, None))
        return marks

    if isinstance(rule, NullTogetherRule):

        def together(raws: tuple[Any, ...], marks: Marks | None) -> Marks | None:
            nulls = sum(1 for raw in raws if is_null(plain(raw)))
            return one(raws, marks) if 0 < nulls < len(raws) else marks

        return together

    canonicals = tuple(canonical_of(fields[name]) for name in names)
    spared: tuple[Callable[[Any], bool] | None, ...] = (None,) * len(names)
    if isinstance(rule, DependencyRule):
        marked, raw_values = _dependency(rule), True
    else:
        marked, raw_values = _order(rule) if isinstance(rule, OrderRule) else _sum(rule), False
        spared = tuple(
            matcher(fields[name].kind, known) if (known := sentinels(fields[name])) else None
            for name in names
        )

    def handle(raws: tuple[Any, ...], marks: Marks | None) -> Marks | None:
        values = []
        for raw, canonical, spare in zip(raws, canonicals, spared, strict=True):
            value = plain(raw)
            if is_null(value):
                return marks
            typed = canonical(value)
            if typed is ILL or (spare is not None and spare(typed)):
                return marks
            values.append(value if raw_values else typed)
        return one(raws, marks) if marked(tuple(values)) else marks

    return handle
