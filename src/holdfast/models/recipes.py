"""Two ways to train that need no pandas: a table and feature names in, a model out.

A recipe is what `Release.build` asks of ``fit``: it is called once for the model and once more for
each fallback, with one feature fewer. ``holdfast init`` writes a ``train.py`` that calls one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.errors import ModelError
from holdfast.models.base import Label, Model

#: a text with more values than this, and many for its rows, is no category
MOST_CATEGORIES = 255


def boosted_trees(
    table: pa.Table,
    features: Sequence[str],
    target: str,
    *,
    positive: Label | None = None,
    rounds: int = 150,
    leaves: int = 15,
    rate: float = 0.05,
    seed: int = 0,
) -> Model:
    """LightGBM, text columns as categories, nulls as missing; one thread, repeatable.

    Args:
        table: training rows.
        features: names of the inputs.
        target: name of the column to predict; two labels make a classifier, numbers a regression.
        positive: label of the class to score; None takes the second in sorted order.
        rounds: number of trees.
        leaves: leaves of a tree.
        rate: learning rate.
        seed: of the training.
    """
    import lightgbm as lgb

    from holdfast.models.encoding import Encoder, categories_of
    from holdfast.models.lightgbm import LightGBMModel

    features = usable(table, features)
    values, label = _labels(table, target, positive)
    labels = np.asarray([v if label is None else v == label for v in values], dtype=np.float64)
    categories = categories_of(table, features)
    task = "regression" if label is None else "binary"
    parameters = {
        "objective": task,
        "num_leaves": leaves,
        "learning_rate": rate,
        "min_data_in_leaf": 20,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
    data = lgb.Dataset(
        Encoder(features, categories).table(table),
        labels,
        categorical_feature=[i for i, name in enumerate(features) if name in categories],
        params=parameters,
    )
    booster = lgb.train(parameters, data, num_boost_round=rounds)
    return LightGBMModel(booster, features, categories, positive=label, task=task)


def logistic_regression(
    table: pa.Table,
    features: Sequence[str],
    target: str,
    *,
    positive: Label | None = None,
    strength: float = 1.0,
) -> Model:
    """One-hot logistic regression; numbers are scaled, and "was missing" is an input of its own.

    Args:
        table: training rows.
        features: names of the inputs.
        target: name of the column to predict, of two labels.
        positive: label of the class to score; None takes the second in sorted order.
        strength: inverse strength of the penalty (scikit-learn's ``C``), above 0.
    """
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    from holdfast.models import adopt

    features = usable(table, features)
    values, label = _labels(table, target, positive)
    if label is None:
        raise ModelError(
            "logistic regression needs a target of two labels",
            expected="2 labels",
            got=f"target={target!r}, numeric",
        )
    matrix: npt.NDArray[Any] = np.empty((table.num_rows, len(features)), dtype=object)
    numeric: list[int] = []
    words: list[int] = []
    for j, name in enumerate(features):
        column = table.column(name)
        is_number = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
        (numeric if is_number else words).append(j)
        matrix[:, j] = [np.nan if value is None else value for value in column.to_pylist()]
    numbers = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        StandardScaler(),
    )
    estimator = make_pipeline(
        make_column_transformer(
            (numbers, numeric), (OneHotEncoder(handle_unknown="ignore"), words)
        ),
        LogisticRegression(C=strength, max_iter=3000),
    )
    estimator.fit(matrix, np.array(values))
    return adopt(estimator, features=list(features), positive=label)


def usable(table: pa.Table, features: Sequence[str]) -> tuple[str, ...]:
    """The features that a recipe can learn from: numbers, booleans, and texts that are categories.

    Times, lists and columns without any value are left out. So are texts of more than 255 values
    that make up more than a twentieth of the rows: names, free texts and codes, which a tree learns
    by heart. To use them, derive inputs from them in your own `train`.

    Raises:
        ModelError: nothing is left.

    Example:
        >>> table = pa.table({"age": [30, 41], "day": pa.array([0, 1], pa.date32())})
        >>> usable(table, ["age", "day"])
        ('age',)
    """
    found = tuple(name for name in features if _learnable(table.column(name)))
    if not found:
        raise ModelError(
            "there is no column to learn from",
            expected="numbers, booleans or categories among the features",
            got=f"{len(features)} features of other kinds",
            remedy="derive inputs from them in your own train function",
        )
    return found


def _learnable(column: pa.ChunkedArray) -> bool:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        distinct: int = pc.count_distinct(column).as_py()
        return 0 < distinct <= max(MOST_CATEGORIES, len(column) // 20)
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    return bool(number and column.null_count < len(column))


def _labels(table: pa.Table, target: str, positive: Label | None) -> tuple[list[Any], Label | None]:
    """The target's values, and the positive label; no label means regression."""
    column = table.column(target)
    values = column.to_pylist()
    if any(value is None for value in values):
        raise ModelError(
            "the target has nulls",
            expected="a label in every training row",
            got=f"{column.null_count} nulls in {target!r}",
            remedy="drop the rows whose outcome is not known yet",
        )
    known = sorted(set(values), key=lambda value: (str(type(value)), value))
    if len(known) != 2:
        if all(isinstance(value, int | float) for value in known):
            return values, None
        raise ModelError(
            "the target is neither two labels nor a number",
            expected="2 labels",
            got=f"{len(known)} labels in {target!r}",
            remedy="train one classifier per question",
        )
    label = known[1] if positive is None else positive
    if label not in known:
        raise ModelError(
            "the positive label is not in the target",
            expected=f"one of {known}",
            got=f"positive={label!r}",
        )
    return values, label
