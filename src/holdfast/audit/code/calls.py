"""What a call does: to rows by name of the function, or to rows by an estimator's method."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from holdfast.audit.code import functions
from holdfast.audit.code.arguments import Arguments
from holdfast.audit.code.estimators import by_estimator, cross_validate, early_stopping, train
from holdfast.audit.code.frames import by_rows, statistic
from holdfast.audit.code.naming import dotted
from holdfast.audit.code.trace import NOTHING, Value
from holdfast.audit.code.vocabulary import (
    CHOOSERS,
    CONTAINERS,
    CROSS_VALIDATORS,
    FOLDERS,
    JOINS,
    METRICS,
    OPTIMISERS,
    SELECTION_SCORES,
    STATISTICS,
    side_of,
    words,
)

if TYPE_CHECKING:
    from holdfast.audit.code.walk import Walk

_READERS = re.compile(
    r"^(?:read|load|fetch|make_|get_|open_dataset|genfromtxt|fromfile|import_|prepare)|data", re.I
)
_BUILTINS = words("""
    print len range int float str bool type isinstance open round set dict input id hash format
    getattr setattr hasattr super vars dir repr any all next exit figure show plot
""")
_PASSING = words("list tuple reversed tqdm iter trange")
_TRAINERS = {"lightgbm", "xgboost", "lgb", "xgb", "catboost"}
_FITS = {"fit", "fit_transform", "predict", "predict_proba", "score", "evaluate", "fit_resample"}


def call(walk: Walk, node: ast.Call) -> Value:
    """What a call gives."""
    given = [walk.value(item) for item in node.args]
    named = {k.arg: walk.value(k.value) for k in node.keywords if k.arg}
    for keyword in node.keywords:
        if keyword.arg is None:
            walk.value(keyword.value)
    arguments = Arguments(node, given, named)
    function = node.func
    if isinstance(function, ast.Attribute):
        return _method(walk, function, arguments)
    known = walk.value(function)
    if known.kind in {"function", "class"} and known.node is not None:
        return _own(walk, known, arguments)
    if known.kind == "estimator":  # model(X): torch and keras call their models
        return by_estimator(walk, known, "predict", arguments)
    name = known.name if known.kind == "module" else getattr(function, "id", "")
    return by_name(walk, name, arguments, "")


def _own(walk: Walk, known: Value, arguments: Arguments) -> Value:
    if known.kind == "class":
        first = walk.get("self.__init__")
        node = known.node
        if isinstance(node, ast.ClassDef):
            first = next(
                (
                    Value("function", node=part)
                    for part in node.body
                    if isinstance(part, ast.FunctionDef) and part.name == "__init__"
                ),
                None,
            )
            if any(getattr(part, "name", "") == "fit" for part in node.body):
                return Value("estimator", name=known.name, oid=walk.state.number())
        if first is not None and first.node is not None:
            walk.enter(first.node, arguments.given, arguments.named)
        return Value("object", name=known.name)
    assert known.node is not None  # noqa: S101
    return walk.enter(known.node, arguments.given, arguments.named)


def _method(walk: Walk, function: ast.Attribute, arguments: Arguments) -> Value:
    holder = walk.value(function.value)
    method = function.attr
    if holder.kind == "object" or (
        isinstance(function.value, ast.Name) and function.value.id == "self"
    ):
        own = walk.get(f"self.{method}")
        if own is not None and own.node is not None:
            return walk.enter(own.node, arguments.given, arguments.named)
    if method in OPTIMISERS:
        return _many_times(walk, arguments)
    if holder.kind == "estimator":
        return by_estimator(walk, holder, method, arguments)
    if holder.kind in {"folder", "folds"}:
        return functions.folds(walk, arguments) if method == "split" else NOTHING
    if holder.kind == "tuple":
        return _list(walk, function, holder, arguments)
    if method in _FITS and holder.kind in {"other", "data", "module"}:
        return by_estimator(walk, _unknown_estimator(walk, function), method, arguments)
    if holder.kind in {"data", "stat", "mask", "grouped"}:
        return by_rows(walk, function, holder, arguments)
    if method in {"append", "add", "insert"} and holder.kind == "other":
        return _list(walk, function, holder, arguments)
    return by_name(walk, method, arguments, holder.name)


def _unknown_estimator(walk: Walk, function: ast.Attribute) -> Value:
    """Something that has a `fit` and came from nowhere: the same one each time it is named."""
    name = dotted(function.value)
    value = Value("estimator", name=name or "model", oid=walk.state.number())
    if name:
        walk.scopes[-1][name] = value
    return value


def by_name(walk: Walk, name: str, arguments: Arguments, module: str) -> Value:
    """A call of a function that is known, or guessed, by its name."""
    if name in _BUILTINS:
        return NOTHING
    if name in _PASSING:
        return arguments.given[0] if arguments.given else NOTHING
    if name in FOLDERS:
        return Value("folder", name=name)
    if name in CROSS_VALIDATORS:
        return cross_validate(walk, arguments)
    if name in METRICS:
        return functions.metric(walk, name, arguments)
    if name in OPTIMISERS:
        return _many_times(walk, arguments)
    if name in CHOOSERS:
        return functions.chosen(walk, name, arguments)
    if name in JOINS:
        return functions.joined(arguments)
    if name in STATISTICS:
        return statistic(walk.state, name, arguments)
    return _by_name_alone(walk, name, arguments, module)


def _by_name_alone(walk: Walk, name: str, arguments: Arguments, module: str) -> Value:
    if name == "train_test_split":
        return functions.split(walk, arguments)
    if name in {"enumerate", "zip"}:
        return functions.together(name, arguments)
    if name in SELECTION_SCORES:
        return functions.selection(walk, name, arguments)
    if name == "train" and module in _TRAINERS:
        return train(walk, arguments)
    if name == "cv" and module in _TRAINERS:
        return cross_validate(walk, arguments)
    if name == "resample" and arguments.rows():
        return functions.drawn(walk, arguments)
    return _unknown(walk, name, arguments)


def _unknown(walk: Walk, name: str, arguments: Arguments) -> Value:
    """A function nobody knows hands on its rows; with a capital letter it makes an estimator."""
    rows = arguments.rows()
    touch = arguments.touch()
    if name in CONTAINERS or not name[:1].isupper():
        if rows:
            return rows[0].having(touch=touch, name="", oid=0)
        found = [v for v in arguments.all() if v.kind in {"stat", "mask", "folds", "score"}]
        if found:
            return found[0].having(touch=touch)
        if _READERS.search(name):
            return Value("data", walk.state.new_rows())
        return NOTHING
    steps = [v for v in arguments.all() if v.kind in {"estimator", "tuple"}]
    text = "early" if early_stopping(arguments) else ""
    return Value("estimator", name=name, oid=walk.state.number(), items=tuple(steps), text=text)


def _many_times(walk: Walk, arguments: Arguments) -> Value:
    """An optimiser calls a function of the script again and again, and keeps the best."""
    for value in (*arguments.given, *arguments.named.values()):
        if value.kind == "function" and value.node is not None:
            before = len(walk.state.trace.scores)
            with walk.state.loop():
                walk.enter(value.node, [], {})
            seen = walk.state.trace.scores[before:]
            walk.state.trace.chosen += [(s.line, s.parts) for s in seen if not s.picture]
    return NOTHING


def _list(walk: Walk, function: ast.Attribute, holder: Value, arguments: Arguments) -> Value:
    name = dotted(function.value)
    if function.attr in {"append", "add", "insert", "extend"} and name:
        items = tuple(v for v in arguments.all() if v.kind != "other")
        walk.scopes[-1][name] = Value("tuple", items=holder.items + items)
        return NOTHING
    if function.attr == "items":
        known = [item for item in holder.items if item.kind != "other"]
        return Value("tuple", items=tuple(Value("tuple", items=(NOTHING, v)) for v in known[-1:]))
    if function.attr in {"values", "copy"}:
        return holder
    if side_of(function.attr):
        return NOTHING
    return holder.items[-1] if function.attr in {"pop", "get"} and holder.items else NOTHING
