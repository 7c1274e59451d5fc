"""Methods of frames and arrays: statistics of the rows, groups, cuts, joins, columns."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from holdfast.audit.code.naming import dotted
from holdfast.audit.code.trace import NOTHING, Value
from holdfast.audit.code.vocabulary import SELECTION_SCORES, STATISTICS, Step

if TYPE_CHECKING:
    from holdfast.audit.code.arguments import Arguments
    from holdfast.audit.code.state import State
    from holdfast.audit.code.walk import Walk

_CUTS = {"sample", "head", "tail", "query", "take", "skip", "filter"}
_MASKS = {
    "isin",
    "between",
    "isnull",
    "isna",
    "notnull",
    "notna",
    "duplicated",
    "eq",
    "gt",
    "lt",
    "ge",
    "le",
}
_MIXES = {
    "fillna",
    "sub",
    "div",
    "add",
    "mul",
    "subtract",
    "divide",
    "map",
    "replace",
    "clip",
    "assign",
}


def statistic(state: State, name: str, arguments: Arguments) -> Value:
    """``numpy.mean(rows)`` and its like."""
    rows = [v for v in arguments.all() if v.kind in {"data", "stat"}]
    scored = next((v for v in arguments.all() if v.kind == "score"), None)
    if scored is not None:
        return scored
    return _statistic(state, name, rows[0], arguments) if rows else NOTHING


def _statistic(state: State, name: str, rows: Value, arguments: Arguments) -> Value:
    axis = arguments.says("axis")
    across = isinstance(axis, ast.Constant) and axis.value in {1, "columns", -1}
    if rows.kind == "stat":
        return rows
    if across:
        return rows.having(name="")
    if rows.label:
        return Value("stat", rows.parts, label=True)
    number = state.fit(arguments.line, name, Step.PREPROCESS, rows.parts, 0)
    return Value("stat", rows.parts, rows.touch | {number})


def by_rows(walk: Walk, function: ast.Attribute, rows: Value, arguments: Arguments) -> Value:
    """A method of rows, of a statistic or of groups is called."""
    method = function.attr
    if rows.kind == "grouped":
        return _of_groups(walk, method, rows, arguments)
    if rows.kind == "stat":
        return rows.having(touch=rows.touch | arguments.touch())
    if rows.kind == "mask":
        return rows
    result = _of_rows(walk, method, rows, arguments)
    inplace = arguments.says("inplace")
    name = dotted(function.value)
    if (
        name
        and isinstance(inplace, ast.Constant)
        and inplace.value is True
        and result.kind == "data"
    ):
        walk.put(name, result)
    elif isinstance(function.value, ast.Subscript) and isinstance(inplace, ast.Constant):
        walk.assign(function.value, result)  # frame["a"].fillna(..., inplace=True)
    return result


def _of_rows(walk: Walk, method: str, rows: Value, arguments: Arguments) -> Value:
    state = walk.state
    if method in STATISTICS:
        return _statistic(state, method, rows, arguments)
    if method == "groupby":
        return Value("grouped", rows.parts, rows.touch)
    if method == "corr":
        return Value("stat", rows.parts, name="corr")
    if method in SELECTION_SCORES:
        number = state.fit(arguments.line, method, Step.SELECT, rows.parts, 0)
        return Value("stat", rows.parts, frozenset({number}))
    if method in _MASKS:
        return Value("mask", rows.parts)
    if method in _CUTS or (method == "drop" and any(v.kind == "rowindex" for v in arguments.all())):
        return rows.having(name="rows", split=arguments.line)
    if method == "pop":
        first = arguments.given[0].text if arguments.given else ""
        return rows.having(label=rows.label or first in state.targets, name="")
    if method in _MIXES:
        result = rows
        for value in arguments.all():
            if value.kind in {"stat", "data"}:
                result = state.combine(result, value, arguments.line)
        return result.having(parts=rows.parts, label=rows.label, name="")
    useful = state.choosing(arguments.touch()) | frozenset[int]().union(
        *(v.touch for v in arguments.all() if v.kind in {"data", "stat"})
    )
    state.reach(Value("stat", touch=useful), rows, arguments.line)
    return rows.having(touch=rows.touch | useful, name="", oid=rows.oid)


def _of_groups(walk: Walk, method: str, rows: Value, arguments: Arguments) -> Value:
    state = walk.state
    if method == "groupby":
        return rows
    aggregated = (
        rows.text in state.targets
        or any(v.text in state.targets for v in arguments.all() if v.text)
        or any(name in state.targets for name in arguments.named)
    )
    if not aggregated or method in {"count", "size", "nunique", "ngroup", "cumcount", "shift"}:
        kind = "data" if method in {"transform", "apply", "shift"} else "stat"
        return Value(kind, rows.parts, rows.touch)
    number = state.fit(arguments.line, "the mean of the label by group", Step.ENCODE, rows.parts, 0)
    kind = "data" if method in {"transform", "apply"} else "stat"
    return Value(kind, rows.parts, rows.touch | {number})
