"""Learn a contract from a table that is known to be good.

Every margin is stated: nulls by a Wilson bound, ranges by extrapolated tails, categories by a
Good-Turing estimate of the unseen; cross-field rules only with evidence that chance cannot give.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from holdfast.contracts.check import count
from holdfast.contracts.learning.cross import cross_rules
from holdfast.contracts.learning.numbers import Scratch, number_field
from holdfast.contracts.learning.tails import bounds
from holdfast.contracts.learning.texts import text_field
from holdfast.contracts.learning.times import time_rules
from holdfast.contracts.model import (
    ContractData,
    Evidence,
    Field,
    Kind,
    LengthRule,
    NullRule,
    Role,
    TypeRule,
)
from holdfast.errors import DataError
from holdfast.frames import ColumnView, Storage, read
from holdfast.stats.intervals import allowance

#: a rule that training broke in at most this share (upper bound) is strict for single rows
RARE = 0.01
_PERSONAL = re.compile(
    r"(^|[_\W])(e?mail|phone|mobile|ssn|iban|passport|surname|lastname|last_name|first_name|"
    r"firstname|full_name|fullname|street|address|birth\w*|dob|ip)([_\W]|$)",
    re.IGNORECASE,
)


def learn(source: Any, *, roles: Mapping[str, Role], name: str = "", seed: int = 0) -> ContractData:
    """Learn fields and cross-field rules; see `holdfast.contracts.Contract.learn`."""
    table = read(source)
    for column in roles:
        if column not in table:
            table.column(column)  # raises with the names there are
    if not table.num_rows or not table.names:
        raise DataError(
            "there is nothing to learn from",
            expected="a table with at least one row and one column",
            got=f"rows={table.num_rows}, columns={len(table.names)}",
            remedy="pass the training data",
        )
    scratch = Scratch()
    fields = tuple(
        learn_field(table.column(column), roles.get(column, Role.FEATURE), scratch)
        for column in table.names
    )
    return ContractData(
        name=name,
        rows=table.num_rows,
        fields=fields,
        cross=cross_rules(table, fields, seed=seed),
    )


def learn_field(column: ColumnView, role: Role, scratch: Scratch | None = None) -> Field:
    """One field from its column; `scratch` spares memory over many columns."""
    if column.storage in {Storage.INT, Storage.FLOAT}:
        kind, role, rules, impute, note = number_field(column, role, scratch)
    else:
        kind, role, rules, impute, note = _KINDS[column.storage](column, role)
    return Field(
        name=column.name,
        kind=kind,
        role=role,
        rules=(_null_rule(column), _type_rule(column, kind), *rules),
        impute=impute,
        pii="yes" if _PERSONAL.search(column.name) else "unknown",
        note=note,
    )


def _null_rule(column: ColumnView) -> NullRule:
    """Strict when training had no null, or so few that the Wilson bound stays within 1%."""
    rows, nulls = len(column), column.missing_count
    share = allowance(nulls, rows)
    return NullRule(
        rows=nulls == 0 or share <= RARE,
        max_share=share,
        evidence=Evidence(rows=rows, marked=nulls),
    )


def _type_rule(column: ColumnView, kind: Kind) -> TypeRule:
    """Strict without exception, but for infinite numbers that training had itself."""
    rule, rows = TypeRule(), column.present_count
    if column.storage not in {Storage.FLOAT, Storage.LIST}:
        return TypeRule(evidence=Evidence(rows=rows))
    marked = count(rule, Field(name=column.name, kind=kind), column)
    share = allowance(marked, rows) if marked else 0.0
    return TypeRule(
        rows=share <= RARE, max_share=share, evidence=Evidence(rows=rows, marked=marked)
    )


def _booleans(column: ColumnView, role: Role) -> tuple[Kind, Role, list[Any], Any, str]:
    import numpy as np

    rows = column.present_count
    true = int(np.count_nonzero(column.present)) if rows else 0
    return Kind.BOOLEAN, role, [], (2 * true > rows) if rows else None, ""


def _times(column: ColumnView, role: Role) -> tuple[Kind, Role, list[Any], Any, str]:
    if not column.present_count:
        return Kind.TIME, role, [], None, "never present"
    return Kind.TIME, role, time_rules(column.present, None, role), None, ""


def _lists(column: ColumnView, role: Role) -> tuple[Kind, Role, list[Any], Any, str]:
    import numpy as np

    rows = column.present_count
    if not rows:
        return Kind.LIST, role, [], None, "never present"
    low, high = bounds(np.sort(np.asarray(column.length_array.drop_null())))
    rule = LengthRule(
        low=low, high=high, max_share=allowance(0, rows), evidence=Evidence(rows=rows)
    )
    return Kind.LIST, role, [rule], None, ""


def _nothing(column: ColumnView, role: Role) -> tuple[Kind, Role, list[Any], Any, str]:
    del column
    ignored = Role.IGNORED if role is Role.FEATURE else role
    return Kind.TEXT, ignored, [], None, "never present"


#: how a column is stored -> how it is learned (numbers apart)
_KINDS = {
    Storage.NULL: _nothing,
    Storage.BOOL: _booleans,
    Storage.TEXT: text_field,
    Storage.TIME: _times,
    Storage.LIST: _lists,
}
