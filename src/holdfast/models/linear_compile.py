"""Reads a fitted scikit-learn pipeline as a sum of terms, or says that it is none.

Every column between two steps is followed symbolically: it is one input shifted and scaled, or a
number looked up by one input's category. Steps that keep this shape are known by their exact type;
any other step, and any option not handled, means "not compiled" and the plain adapter stays. What
was read is compared with scikit-learn on made-up rows before it is given away.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import sklearn
from sklearn import linear_model
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    RobustScaler,
    StandardScaler,
)

from holdfast.errors import ModelError
from holdfast.models.linear import LinearModel, Term, close

if TYPE_CHECKING:
    from holdfast.models.sklearn import SklearnModel

#: made-up rows on which the two are compared
PROBES = 64

_CLASSIFIERS = (linear_model.LogisticRegression, linear_model.LogisticRegressionCV)
_REGRESSORS = (
    linear_model.LinearRegression, linear_model.Ridge, linear_model.RidgeCV, linear_model.Lasso,
    linear_model.LassoCV, linear_model.ElasticNet, linear_model.ElasticNetCV,
)  # fmt: skip


class NotLinearError(Exception):
    """This step or option is not followed."""


class Marker(msgspec.Struct, frozen=True):
    """A null that is still there, as the estimator sees it: ``nan`` or ``none``."""

    name: str


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """One input, ``(value - center) * scale + offset``; ``null`` is what it is for a null."""

    feature: int
    null: Any
    center: float = 0.0
    scale: float = 1.0
    offset: float = 0.0
    number: bool = False


class Lookup(msgspec.Struct, frozen=True, kw_only=True):
    """A number looked up by one input's category.

    Attributes:
        feature: position of the input.
        values: number by category.
        other: number for other categories.
        null: number for a null; None refuses it.
        known: categories outside of which values are refused; None refuses none.
    """

    feature: int
    values: Mapping[Any, float]
    other: float
    null: float | None
    known: frozenset[Any] | None = None


Column = Input | Lookup
Columns = list[Column]


def compile_linear(plain: SklearnModel) -> LinearModel | None:
    """The same model as a sum of terms; None when it is not one that is known to be."""
    try:
        before, final = _split(plain.estimator)
        columns: Columns = [
            Input(feature=j, null=Marker(plain.null)) for j in range(len(plain.features))
        ]
        for step in before:
            columns = _through(step, columns)
        model = _sum(plain, final, columns)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # unseen categories among the made-up rows
            if _same(model, plain, columns, before, final):
                return model
    except (NotLinearError, ModelError):
        return None
    except (AttributeError, TypeError, ValueError, KeyError, IndexError, OverflowError):
        return None  # another version of scikit-learn, or parameters that are no numbers
    return None


def _split(estimator: Any) -> tuple[list[Any], Any]:
    """The steps before the last, and the last, of pipelines within pipelines."""
    if type(estimator) in (GridSearchCV, RandomizedSearchCV):
        return _split(estimator.best_estimator_)
    if type(estimator) is not Pipeline:
        return [], estimator
    *before, (_, last) = estimator.steps
    more, final = _split(last)
    return [*(step for _, step in before), *more], final


def _through(step: Any, columns: Columns) -> Columns:
    if step is None or isinstance(step, str):
        if step in (None, "passthrough"):
            return columns
        raise NotLinearError(step)
    follow = _STEPS.get(type(step))
    if follow is None:
        raise NotLinearError(type(step).__name__)
    return follow(step, columns)


def _pipeline(step: Any, columns: Columns) -> Columns:
    for _, member in step.steps:
        columns = _through(member, columns)
    return columns


def _union(step: Any, columns: Columns) -> Columns:
    if step.transformer_weights:
        raise NotLinearError("weights")
    parts = [_through(member, columns) for _, member in step.transformer_list if member != "drop"]
    return [column for part in parts for column in part]


def _column_transformer(step: Any, columns: Columns) -> Columns:
    if step.transformer_weights:
        raise NotLinearError("weights")
    found: Columns = []
    for name, member, chosen in step.transformers_:
        if isinstance(member, str) and member == "drop":
            continue
        if isinstance(chosen, str | int | np.integer):
            raise NotLinearError("a column as a vector")
        places = step._transformer_to_input_indices[name]
        if len(places):
            found += _through(member, [columns[int(place)] for place in places])
    return found


def _function(step: Any, columns: Columns) -> Columns:
    if step.func is not None:
        raise NotLinearError("a function")
    return columns


def _standard(step: Any, columns: Columns) -> Columns:
    return _scaled(
        columns,
        step.mean_ if step.with_mean else None,
        None if step.scale_ is None else 1.0 / step.scale_,
    )


def _robust(step: Any, columns: Columns) -> Columns:
    return _scaled(
        columns,
        step.center_ if step.with_centering else None,
        1.0 / step.scale_ if step.with_scaling else None,
    )


def _max_abs(step: Any, columns: Columns) -> Columns:
    if getattr(step, "clip", False):
        raise NotLinearError("clip")
    return _scaled(columns, None, 1.0 / step.scale_)


def _min_max(step: Any, columns: Columns) -> Columns:
    if step.clip:
        raise NotLinearError("clip")
    low = float(step.feature_range[0])
    return _scaled(columns, step.data_min_, step.scale_, low)


def _scaled(columns: Columns, centers: Any, scales: Any, offset: float = 0.0) -> Columns:
    centers = np.zeros(len(columns)) if centers is None else centers
    scales = np.ones(len(columns)) if scales is None else scales
    return [
        _affine(column, float(center), float(scale), offset)
        for column, center, scale in zip(columns, centers, scales, strict=True)
    ]


def _affine(column: Column, center: float, scale: float, offset: float) -> Column:
    """The column minus ``center``, times ``scale``, plus ``offset``."""

    def moved(value: float) -> float:
        return (value - center) * scale + offset

    if isinstance(column, Lookup):
        return Lookup(
            feature=column.feature,
            values={value: moved(number) for value, number in column.values.items()},
            other=moved(column.other),
            null=None if column.null is None else moved(column.null),
            known=column.known,
        )
    null = Marker("nan") if isinstance(column.null, Marker) else moved(column.null)
    if column.center or column.offset or column.scale != 1.0:
        return Input(
            feature=column.feature, null=null, center=column.center, number=True,
            scale=column.scale * scale, offset=moved(column.offset),
        )  # fmt: skip
    # a center of its own, not an offset: dates in seconds would lose their last digits
    return Input(
        feature=column.feature, null=null, center=center, scale=scale, offset=offset, number=True
    )


def _imputed(step: Any, columns: Columns) -> Columns:
    asked = step.missing_values
    finds = "none" if asked is None else "nan" if asked != asked else None
    if finds is None or step.strategy not in ("mean", "median", "most_frequent", "constant"):
        raise NotLinearError("missing_values or strategy")
    numeric = step.strategy in ("mean", "median")
    fills = np.asarray(step.statistics_)
    kept: Columns = []
    missing: list[bool] = []
    for column, value in zip(columns, fills, strict=True):
        fill = _plain(value)
        empty = isinstance(fill, float) and math.isnan(fill)
        if isinstance(column, Input) and isinstance(column.null, Marker):
            marker = "nan" if numeric else column.null.name
            if marker == "nan" and finds == "none":
                raise NotLinearError("NaN is not looked for")
            missing.append(marker == finds)
            null: Any = fill if marker == finds else Marker(marker)
            column = msgspec.structs.replace(column, null=null, number=numeric or column.number)
        else:
            missing.append(False)
        if not empty or step.keep_empty_features:
            kept.append(column)
    if step.add_indicator:
        for place in step.indicator_.features_:
            feature = columns[int(place)].feature
            null = 1.0 if missing[int(place)] else 0.0
            kept.append(Lookup(feature=feature, values={}, other=0.0, null=null))
    return kept


def _one_hot(step: Any, columns: Columns) -> Columns:
    if step.min_frequency is not None or step.max_categories is not None:
        raise NotLinearError("infrequent categories")
    if step.handle_unknown not in ("ignore", "error"):
        raise NotLinearError("handle_unknown")
    dropped = [None] * len(columns) if step.drop_idx_ is None else list(step.drop_idx_)
    found: Columns = []
    for column, categories, drop in zip(columns, step.categories_, dropped, strict=True):
        if not isinstance(column, Input) or column.number:
            raise NotLinearError("categories of a number")
        names = [_plain(value) for value in categories]
        if isinstance(column.null, Marker):
            shown = None if column.null.name == "none" else math.nan
        else:
            shown = column.null
        place = next((i for i, name in enumerate(names) if _equal(name, shown)), None)
        refused = step.handle_unknown == "error"
        known = frozenset(n for n in names if n is not None and n == n) if refused else None
        for i, name in enumerate(names):
            if i != drop:
                found.append(
                    Lookup(
                        feature=column.feature,
                        values={} if name is None or name != name else {name: 1.0},
                        other=0.0,
                        null=None if refused and place is None else float(place == i),
                        known=known,
                    )
                )
        if drop is not None and len(names) == 1 and known is not None:
            raise NotLinearError("a single category, dropped")
    return found


_STEPS: dict[type, Callable[[Any, Columns], Columns]] = {
    Pipeline: _pipeline,
    FeatureUnion: _union,
    ColumnTransformer: _column_transformer,
    FunctionTransformer: _function,
    StandardScaler: _standard,
    RobustScaler: _robust,
    MaxAbsScaler: _max_abs,
    MinMaxScaler: _min_max,
    SimpleImputer: _imputed,
    OneHotEncoder: _one_hot,
}


def _plain(value: Any) -> Any:
    """A category or fill value as JSON can hold it."""
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or type(value) in (str, bool, float):
        return value
    if type(value) is int and abs(value) < 2**63:
        return value
    raise NotLinearError("a value of another type")


def _equal(one: Any, other: Any) -> bool:
    return bool(one == other) or (one is not None and one != one and other != other)


def _sum(plain: SklearnModel, final: Any, columns: Columns) -> LinearModel:
    """The terms: per input, everything its columns add."""
    binary = type(final) in _CLASSIFIERS
    if not binary and type(final) not in _REGRESSORS:
        raise NotLinearError(type(final).__name__)
    coefficients = np.asarray(final.coef_, dtype=np.float64).ravel()
    intercept = float(np.asarray(final.intercept_, dtype=np.float64).ravel()[0])
    if np.size(final.intercept_) != 1 or (binary and len(final.classes_) != 2):
        raise NotLinearError("several outputs")
    sign = -1.0 if binary and plain.column == 0 else 1.0
    parts: dict[int, list[tuple[Column, float]]] = {}
    for column, weight in zip(columns, coefficients, strict=True):
        parts.setdefault(column.feature, []).append((column, sign * float(weight)))
    terms = []
    total = sign * intercept
    for feature, pieces in sorted(parts.items()):
        term, constant = _term(plain.features[feature], pieces)
        terms.append(term)
        total += constant
    numbers = [total, *(n for t in terms for pair in t.numbers for n in pair)]
    if not np.isfinite(numbers).all():
        raise NotLinearError("a weight that is no number")
    return LinearModel(
        plain.features,
        terms,
        total,
        task=plain.task,
        positive=plain.positive,
        compiled_from=f"scikit-learn {sklearn.__version__}",
        plain=plain,
        recompile=compile_linear,
    )


def _term(name: str, pieces: Sequence[tuple[Column, float]]) -> tuple[Term, float]:
    """One input's term, and what it adds whatever the value."""
    numbers: list[tuple[float, float]] = []
    weights: dict[Any, float] = {}
    constant, base, refuses = 0.0, 0.0, False
    known: frozenset[Any] | None = None
    nulls: list[float] | None = []
    for column, weight in pieces:
        if isinstance(column, Input):
            numbers.append((column.center, column.scale * weight))
            constant += column.offset * weight
            null = None if isinstance(column.null, Marker) else column.null
        else:
            base += column.other * weight
            for value, number in column.values.items():
                weights[value] = weights.get(value, 0.0) + (number - column.other) * weight
            if column.known is not None:
                refuses = True
                known = column.known if known is None else known & column.known
            null = column.null
        nulls = None if nulls is None or null is None else [*nulls, float(null) * weight]
    for value in known or ():
        weights.setdefault(value, 0.0)
    if refuses:
        weights = {value: weight for value, weight in weights.items() if value in (known or ())}
    constant += base
    term = Term(
        feature=name,
        numbers=tuple(numbers),
        values=tuple(weights.items()) if weights or refuses or not numbers else None,
        other=None if refuses else 0.0,
        null=None if nulls is None else math.fsum(nulls) - constant,
    )
    return term, constant


def _same(
    model: LinearModel, plain: SklearnModel, columns: Columns, before: Sequence[Any], final: Any
) -> bool:
    """Whether scikit-learn gives the same for made-up rows, and refuses what is refused here."""
    rng = np.random.default_rng(0)
    choices, refused = _probes(model, columns)
    rows = [
        {name: values[int(rng.integers(len(values)))] for name, values in choices.items()}
        for _ in range(PROBES)
    ]
    matrix: Any = plain.matrix(rows)
    with sklearn.config_context(skip_parameter_validation=True):
        for step in before:
            matrix = matrix if step is None or isinstance(step, str) else step.transform(matrix)
        if plain.column is None:
            wanted = np.asarray(final.predict(matrix), dtype=np.float64).ravel()
            found = model.predict(rows)
        else:
            sums = np.asarray(final.decision_function(matrix), dtype=np.float64).ravel()
            scores = np.asarray(final.predict_proba(matrix)[:, plain.column], dtype=np.float64)
            bare = LinearModel(model.features, model.terms, model.intercept, task="regression")
            wanted = np.concatenate([-sums if plain.column == 0 else sums, scores])
            found = np.concatenate([bare.predict(rows), model.predict(rows)])
    if not close(found, wanted):
        return False
    return all(_refuses(plain, {**rows[0], name: value}) for name, value in refused)


def _probes(
    model: LinearModel, columns: Columns
) -> tuple[dict[str, list[Any]], list[tuple[str, Any]]]:
    """Per input the values to try, and values that must be refused."""
    choices: dict[str, list[Any]] = {name: [0] for name in model.features}
    refused: list[tuple[str, Any]] = []
    spread = {c.feature: 1.0 / c.scale for c in columns if isinstance(c, Input) and c.scale}
    for term in model.terms:
        name = term.feature
        values: list[Any] = [value for value, _ in term.values or ()]
        words = any(isinstance(value, str) for value in values)
        strange: Any = "holdfast: unseen" if words else -987654.25
        if term.numbers:
            step = spread.get(model.features.index(name), 1.0)
            center = term.numbers[0][0]
            values = [*values, *(center + k * step for k in (-2.0, -0.5, 0.25, 1.0))]
            if abs(center) < 1e15:
                values.append(round(center))
        elif term.values and term.other is not None:
            values.append(strange)
        elif term.other is None:
            refused.append((name, strange))
        if term.null is None:
            refused.append((name, None))
        else:
            values += [None] if len(values) < 4 else [None, math.nan]
        choices[name] = values or [0]
    return choices, refused


def _refuses(plain: SklearnModel, row: Mapping[str, Any]) -> bool:
    try:
        plain.predict([row])
    except ModelError:
        return True
    return False
