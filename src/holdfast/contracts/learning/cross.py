"""Find rules over several fields, with evidence that chance does not give.

Candidates come from a row sample; each is then verified on every row by the rule's own check.
A rule that more than one row in a thousand breaks is not learned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from holdfast.contracts.learning.dependencies import dependency_candidates
from holdfast.contracts.learning.orders import order_candidates
from holdfast.contracts.learning.sums import sum_candidates
from holdfast.contracts.model import CrossRule, Evidence, Field, Kind, NullTogetherRule, Role
from holdfast.contracts.rules import cross_member, fields_of
from holdfast.contracts.rules.kinds import usable_mask
from holdfast.stats.intervals import allowance

if TYPE_CHECKING:
    import numpy.typing as npt

    from holdfast.frames import ColumnView, Table

SAMPLE_ROWS = 4000
MIN_ROWS = 200
MIN_NULLS = 10
BROKEN = 0.001
MAX_PER_KIND = 20
_NUMBERS = frozenset({Kind.NUMERIC, Kind.INTEGER})


@dataclass(frozen=True, slots=True)
class Sample:
    """A row sample of the numeric and time columns; nulls, sentinels and ill-typed are NaN."""

    names: tuple[str, ...]
    kinds: tuple[Kind, ...]
    values: npt.NDArray[np.float64]


def cross_rules(table: Table, fields: Sequence[Field], *, seed: int = 0) -> tuple[CrossRule, ...]:
    """Order, null-together, constant-sum and dependency rules the table obeys.

    Args:
        table: the training table; below 200 rows nothing is learned.
        fields: its fields, learned before.
        seed: of the row sample.
    """
    if table.num_rows < MIN_ROWS:
        return ()
    known = {field.name: field for field in fields}
    rows = _sample_rows(table.num_rows, seed)
    sample = _sample(table, fields, rows)
    numbers = [i for i, kind in enumerate(sample.kinds) if kind in _NUMBERS]
    candidates: list[CrossRule] = [
        *order_candidates(sample.names, sample.kinds, sample.values),
        *null_together_rules(table, fields),
        *sum_candidates([sample.names[i] for i in numbers], sample.values[:, numbers]),
        *dependency_candidates(table, fields, rows),
    ]
    kept: list[CrossRule] = []
    counts: dict[type, int] = {}
    for rule in candidates:
        if counts.get(type(rule), 0) >= MAX_PER_KIND:
            continue
        confirmed = _confirmed(rule, known, table)
        if confirmed is not None:
            kept.append(confirmed)
            counts[type(rule)] = counts.get(type(rule), 0) + 1
    return tuple(kept)


def _sample_rows(rows: int, seed: int) -> npt.NDArray[np.int64]:
    if rows <= SAMPLE_ROWS:
        return np.arange(rows)
    chosen = np.random.default_rng(seed).choice(rows, SAMPLE_ROWS, replace=False)
    return np.sort(chosen)


def _sample(table: Table, fields: Sequence[Field], rows: npt.NDArray[np.int64]) -> Sample:
    names, kinds, columns = [], [], []
    small = table.take(rows)
    for field in fields:
        view = small.column(field.name)
        numeric = field.kind in _NUMBERS or field.kind is Kind.TIME
        if not numeric or field.role is Role.IGNORED or view.storage.value == "text":
            continue
        values = np.where(usable_mask(field, view), view.values.astype(np.float64), np.nan)
        names.append(field.name)
        kinds.append(field.kind)
        columns.append(values)
    matrix = np.column_stack(columns) if columns else np.empty((len(rows), 0))
    return Sample(tuple(names), tuple(kinds), matrix)


def _confirmed(rule: CrossRule, fields: Mapping[str, Field], table: Table) -> CrossRule | None:
    """The rule with its evidence from every row, or None when too many rows break it."""
    names = fields_of(rule)
    columns = {name: table.column(name) for name in names}
    marked = int(np.count_nonzero(cross_member(rule).check(rule, fields, columns)))
    rows = table.num_rows
    if not isinstance(rule, NullTogetherRule):
        missing: list[npt.NDArray[np.bool_]] = [
            column.missing for column in columns.values() if column.missing is not None
        ]
        rows -= int(np.count_nonzero(np.logical_or.reduce(missing))) if missing else 0
    if rows < MIN_ROWS or marked > BROKEN * rows:
        return None
    share = allowance(marked, rows)
    changes: dict[str, Any] = {
        "rows": marked == 0 or share <= 10 * BROKEN,
        "max_share": share,
        "evidence": Evidence(rows=rows, marked=marked),
    }
    return msgspec.structs.replace(rule, **changes)


def null_together_rules(table: Table, fields: Sequence[Field]) -> list[NullTogetherRule]:
    """Groups of columns that are null in exactly the same rows, in at least ten of them."""
    groups: dict[bytes, list[str]] = {}
    for field in fields:
        if field.role is Role.IGNORED:
            continue
        column: ColumnView = table.column(field.name)
        if column.missing is None or column.missing_count < MIN_NULLS:
            continue
        if column.present_count < MIN_NULLS:
            continue
        groups.setdefault(np.packbits(column.missing).tobytes(), []).append(field.name)
    return [NullTogetherRule(fields=tuple(names)) for names in groups.values() if len(names) > 1]
