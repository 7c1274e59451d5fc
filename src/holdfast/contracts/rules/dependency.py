"""Dependency: marks rows whose determinant is known but whose dependent value differs.

A null or ill-typed value on either side is not tried here: its own field's rules speak of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from holdfast.contracts.model import DependencyRule, Field
from holdfast.contracts.rules.scalar import is_null, well_typed

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from holdfast.frames.column import ColumnView

CODE = "dependency"


def _key(value: Any) -> tuple[bool, Any]:
    """A key under which 1 and 1.0 meet but 1 and True do not."""
    return isinstance(value, bool), value


def check(
    rule: DependencyRule, fields: Mapping[str, Field], columns: Mapping[str, ColumnView]
) -> npt.NDArray[np.bool_]:
    """Mask of rows that contradict the mapping; distinct pairs are tried one by one."""
    import numpy as np
    import pyarrow as pa

    from holdfast.contracts.rules.columns import nothing

    left, right = columns[rule.determinant], columns[rule.dependent]
    if {left.storage.value, right.storage.value} & {"null", "list"} or not len(left):
        return nothing(left)
    pairs = []
    for column in (left, right):
        encoded = column.array.dictionary_encode()
        codes = np.asarray(encoded.indices.fill_null(-1)).astype(np.int64)
        pairs.append((codes, [*encoded.dictionary.to_pylist(), None]))
    width = len(pairs[1][1])
    joint = (pairs[0][0] % len(pairs[0][1])) * width + pairs[1][0] % width
    encoded = pa.array(joint).dictionary_encode()
    marked = [
        check_one(
            rule,
            fields,
            {rule.determinant: pairs[0][1][key // width], rule.dependent: pairs[1][1][key % width]},
        )
        for key in encoded.dictionary.to_pylist()
    ]
    return np.asarray(np.array(marked, dtype=bool)[np.asarray(encoded.indices)])


def check_one(rule: DependencyRule, fields: Mapping[str, Field], row: Mapping[str, Any]) -> bool:
    """Whether the determinant is known and the dependent value is another."""
    left, right = row.get(rule.determinant), row.get(rule.dependent)
    if is_null(left) or is_null(right):
        return False
    if not well_typed(fields[rule.determinant], left):
        return False
    if not well_typed(fields[rule.dependent], right):
        return False
    if isinstance(left, list | tuple) or isinstance(right, list | tuple):
        return False
    known = _mapping(rule)
    key = _key(left)
    return key in known and known[key] != _key(right)


_mappings: dict[int, tuple[DependencyRule, dict[Any, Any]]] = {}


def _mapping(rule: DependencyRule) -> dict[Any, Any]:
    """The mapping as a dict, kept for the rule object it was made from."""
    kept = _mappings.get(id(rule))
    if kept is None or kept[0] is not rule:
        if len(_mappings) > 256:
            _mappings.clear()
        made = {_key(left): _key(right) for left, right in rule.mapping}
        kept = _mappings[id(rule)] = (rule, made)
    return kept[1]
