"""What attributes and selections of rows, statistics and estimators stand for."""

from __future__ import annotations

import ast

from holdfast.audit.code.state import State
from holdfast.audit.code.trace import NOTHING, Value
from holdfast.audit.code.vocabulary import IMPORTANCES, Step

_SHAPES = {
    "shape",
    "size",
    "dtypes",
    "dtype",
    "columns",
    "ndim",
    "feature_names",
    "target_names",
    "empty",
}


def attribute(state: State, value: Value, name: str, line: int) -> Value:
    """``value.name``, not called."""
    if value.kind == "estimator":
        if name in IMPORTANCES:
            return importance(state, value, line)
        return value if name.endswith("estimator_") or name in {"named_steps", "steps"} else NOTHING
    if value.kind == "data":
        if name in _SHAPES:
            return NOTHING
        if name == "index":
            return Value("rowindex", value.parts)
        label = value.label or name in state.targets or name == "target"
        return value.having(label=label, name="")
    if value.kind == "module":
        return Value("module", name=name)
    return value if value.kind in {"stat", "object"} else NOTHING


def importance(state: State, value: Value, line: int) -> Value:
    """What a fitted estimator says about features: a choice learned from the rows of its fit."""
    touch: set[int] = set()
    for number in state.fitted.get(value.oid, frozenset()):
        fit = state.trace.fits[number]
        if fit.step is Step.SELECT:
            touch.add(number)
        else:
            touch.add(state.fit(line, f"{fit.name}: features chosen", Step.SELECT, fit.parts, 0))
    return Value("stat", touch=frozenset(touch))


def subscript(state: State, value: Value, index: Value, node: ast.Subscript) -> Value:
    """``value[index]``."""
    line = node.lineno
    if value.kind == "tuple":
        return _member(value, node.slice)
    if value.kind == "folds":
        return state.member(value, line)
    if value.kind == "grouped":
        return value.having(text=index.text)
    if value.kind == "stat":
        return _of_statistic(state, value, index, line)
    if value.kind == "data":
        return _of_rows(state, value, index, node)
    if value.kind == "index" or (value.kind == "estimator" and index.kind != "index"):
        return value
    return index if index.kind in {"stat", "mask"} and index.touch else NOTHING


def _member(value: Value, index: ast.expr) -> Value:
    sign = 1
    if isinstance(index, ast.UnaryOp) and isinstance(index.op, ast.USub):
        index, sign = index.operand, -1
    if isinstance(index, ast.Constant) and isinstance(index.value, int):
        place = sign * index.value
        if -len(value.items) <= place < len(value.items):
            return value.items[place]
    found = [item for item in value.items if item.kind != "other"]
    return found[0] if found else NOTHING


def _of_statistic(state: State, value: Value, index: Value, line: int) -> Value:
    named = set(_texts(index)) & state.targets
    if value.name == "corr" and named:
        number = state.fit(line, "correlation with the label", Step.SELECT, value.parts, 0)
        return value.having(name="", touch=value.touch | {number})
    return value.having(touch=value.touch | index.touch)


def _texts(index: Value) -> list[str]:
    if index.kind == "tuple":
        return [text for item in index.items for text in _texts(item)]
    return [index.text] if index.text else []


def _of_rows(state: State, value: Value, index: Value, node: ast.Subscript) -> Value:
    parts = index.items if index.kind == "tuple" and isinstance(node.slice, ast.Tuple) else (index,)
    nodes = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    texts = _texts(index)
    label = value.label or bool(texts and set(texts) <= state.targets)
    result = value.having(name="", label=label)
    for one, written in zip(parts, nodes, strict=False):
        if one.kind == "index":
            state.spread(value, node.lineno, "folds")
            result = state.cut(result, one.split, one.side)
        elif _cuts_rows(one, written):
            result = result.having(name="rows", split=node.lineno)
        if one.touch and one.kind in {"stat", "mask", "tuple", "data"}:
            chosen = one.having(touch=state.choosing(one.touch))
            state.reach(chosen, result, node.lineno)
            result = result.having(touch=result.touch | chosen.touch)
    return result


def _cuts_rows(index: Value, written: ast.expr) -> bool:
    if isinstance(written, ast.Slice):
        return written.lower is not None or written.upper is not None
    return index.kind in {"mask", "rowindex"} or isinstance(written, ast.Compare | ast.BoolOp)
