"""Methods of estimators: fit, transform, predict, score, and cross-validation by helpers."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from holdfast.audit.code.arguments import Arguments, rows_of
from holdfast.audit.code.trace import NOTHING, Part, Value
from holdfast.audit.code.vocabulary import HOLDERS, SEARCHERS, STEPS, Step

if TYPE_CHECKING:
    from holdfast.audit.code.walk import Walk

_PREDICTS = {
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "predict_classes",
}
_WATCHED = ("eval_set", "validation_data", "valid_sets", "evals", "X_val", "eval_data")
_ORDER = (Step.RESAMPLE, Step.ENCODE, Step.SELECT, Step.PREPROCESS)


def step_of(value: Value, method: str) -> Step:
    """What an estimator learns when this method of it is called.

    >>> step_of(Value("estimator", name="StandardScaler"), "fit").value
    'preprocess'
    """
    if value.name in SEARCHERS:
        return Step.MODEL
    if value.name in HOLDERS:
        members = _members(value)
        if members and step_of(members[-1], "fit") is Step.MODEL and method != "fit_transform":
            return Step.MODEL
        steps = {step_of(member, "fit") for member in members}
        return next((step for step in _ORDER if step in steps), Step.HARMLESS)
    known = STEPS.get(value.name)
    if known is not None:
        return known
    return Step.PREPROCESS if method in {"fit_transform", "transform"} else Step.MODEL


def _members(value: Value) -> list[Value]:
    found: list[Value] = []
    for item in value.items:
        if item.kind == "estimator":
            found.append(item)
        elif item.kind == "tuple":
            found += _members(item)
    return found


def by_estimator(walk: Walk, value: Value, method: str, arguments: Arguments) -> Value:
    """A method of an estimator is called."""
    state = walk.state
    if method in {"fit", "partial_fit", "fit_generator"}:
        return _fit(walk, value, arguments)
    if method in {"set_params", "compile", "to", "eval", "train"}:
        return value
    if method in {"get_support", "get_score", "feature_importance", "get_feature_importance"}:
        from holdfast.audit.code.expressions import importance

        return importance(state, value, arguments.line)
    rows = rows_of(walk, arguments, 0, "X", "x", "test_data", "data")
    if rows is None:
        return NOTHING
    fits = state.fitted.get(value.oid, frozenset())
    if method in {"fit_transform", "fit_predict", "fit_resample", "fit_sample"}:
        return _learn_and_give(walk, value, method, arguments, rows)
    if method in {"transform", "inverse_transform"}:
        _is_transformer(walk, value, fits)
        useful = frozenset(n for n in fits if state.trace.fits[n].step is not Step.HARMLESS)
        state.reach(Value("stat", touch=useful), rows, arguments.line)
        return rows.having(touch=rows.touch | useful, name="", oid=0)
    if method in _PREDICTS:
        return rows.having(name="", label=True, oid=value.oid)
    if method in {"score", "evaluate"}:
        return state.score(arguments.line, rows, value.oid, fits, False)
    return NOTHING


def _is_transformer(walk: Walk, value: Value, fits: frozenset[int]) -> None:
    """A class nobody knows that transforms after all: its fits taught it about the features."""
    if value.name in STEPS or value.name in HOLDERS or value.name in SEARCHERS:
        return
    for number in fits:
        fit = walk.state.trace.fits[number]
        if fit.step is Step.MODEL:
            walk.state.trace.fits[number] = fit._replace(step=Step.PREPROCESS)


def _fit(walk: Walk, value: Value, arguments: Arguments) -> Value:
    state, line = walk.state, arguments.line
    rows = rows_of(
        walk, arguments, 0, "X", "x", "X_train", "train_data", "documents", "raw_documents"
    )
    if rows is None:
        return value
    if value.name in SEARCHERS:
        state.trace.cross_validated = True
        state.spread(rows, line, "cv")
    step = step_of(value, "fit")
    number = state.fit(line, value.name, step, rows.parts, value.oid)
    state.fitted[value.oid] = frozenset({number})
    _watch(walk, value, arguments)
    return value


def _watch(walk: Walk, value: Value, arguments: Arguments) -> None:
    watched = [v for name in _WATCHED if (v := arguments.named.get(name)) is not None]
    stops = value.text == "early" or early_stopping(arguments)
    for one in watched if stops else []:
        parts = _parts(one)
        if parts:
            walk.state.trace.watched.append((arguments.line, parts))


def _parts(value: Value) -> frozenset[Part]:
    return value.parts.union(*(_parts(item) for item in value.items))


def early_stopping(arguments: Arguments) -> bool:
    """Whether a call asks for early stopping, or for keeping the best state."""
    for keyword in arguments.node.keywords:
        name = keyword.arg or ""
        if name in {"early_stopping_rounds", "use_best_model", "early_stopping"}:
            return not (isinstance(keyword.value, ast.Constant) and not keyword.value.value)
    return any(
        v.name in {"EarlyStopping", "ModelCheckpoint", "ReduceLROnPlateau", "early_stopping"}
        for v in arguments.all()
    ) or any(
        "early_stopping" in ast.dump(k.value)
        for k in arguments.node.keywords
        if k.arg == "callbacks"
    )


def _learn_and_give(
    walk: Walk, value: Value, method: str, arguments: Arguments, rows: Value
) -> Value:
    state, line = walk.state, arguments.line
    step = step_of(value, "fit_transform")
    if method in {"fit_resample", "fit_sample"}:
        step = Step.RESAMPLE
    number = state.fit(line, value.name, step, rows.parts, value.oid)
    state.fitted[value.oid] = frozenset({number})
    touch = rows.touch if step is Step.HARMLESS or rows.label else rows.touch | {number}
    result = rows.having(touch=touch, name="")
    if step is not Step.RESAMPLE:
        return result
    return Value("tuple", items=(result, result.having(label=True)), name="split")


def cross_validate(walk: Walk, arguments: Arguments) -> Value:
    """A helper that splits by itself: what the rows depend on has seen every fold."""
    walk.state.trace.cross_validated = True
    for rows in (
        rows_of(walk, arguments, 1, "X", "dtrain", "train_set"),
        rows_of(walk, arguments, 2, "y"),
    ):
        if rows is not None and not rows.label:
            walk.state.spread(rows, arguments.line, "cv")
    return NOTHING


def train(walk: Walk, arguments: Arguments) -> Value:
    """``lightgbm.train`` and ``xgboost.train``: a fit on the second argument."""
    value = Value("estimator", name="train", oid=walk.state.number())
    rows = rows_of(walk, arguments, 1, "train_set", "dtrain", "pool")
    if rows is not None:
        number = walk.state.fit(arguments.line, "train", Step.MODEL, rows.parts, value.oid)
        walk.state.fitted[value.oid] = frozenset({number})
    _watch(walk, value, arguments)
    return value
