"""Every row of a table that a rule marks, by mark: the guard's answer, a column at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from holdfast.contracts.rules import code, cross_member, field_member, fields_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.contracts.model import ContractData
    from holdfast.frames import Table


def marked(data: ContractData, table: Table) -> dict[str, NDArray[np.int64]]:
    """Positions of the rows that carry each mark ``field:code``.

    Args:
        data: the contract; fields that the table lacks are passed over.
        table: the rows.

    Returns:
        By mark, ascending positions; marks that no row carries are left out.

    Example:
        >>> from holdfast.contracts import Contract
        >>> from holdfast.frames import read
        >>> contract = Contract.learn({"age": [float(a) for a in range(20, 70)] * 4})
        >>> {k: v.tolist() for k, v in marked(contract.data, read({"age": [30.0, 3e4]})).items()}
        {'age:range': [1]}
    """
    fields = {field.name: field for field in data.fields if field.name in table}
    found: dict[str, NDArray[np.bool_]] = {}

    def note(mark: str, mask: NDArray[np.bool_]) -> None:
        found[mark] = found[mark] | mask if mark in found else mask

    for field in fields.values():
        column = table.column(field.name)
        for rule in field.rules:
            member = field_member(rule)
            if len(column) and not member.clean(rule, field, column):
                note(f"{field.name}:{code(rule)}", member.check(rule, field, column))
    for cross in data.cross:
        names = fields_of(cross)
        if all(name in fields for name in names):
            columns = {name: table.column(name) for name in names}
            mask = cross_member(cross).check(cross, fields, columns)
            note(f"{names[0]}:{code(cross)}", mask)
    return {mark: np.flatnonzero(mask) for mark, mask in found.items() if mask.any()}
