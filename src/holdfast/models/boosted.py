"""Small LightGBM models that Holdfast trains itself for its fallbacks: deterministic, seeded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.models.base import Label, Model
from holdfast.models.encoding import Encoder, categories_of
from holdfast.models.lightgbm import LightGBMModel
from holdfast.models.mixture import MixtureModel

if TYPE_CHECKING:
    import lightgbm as lgb

#: a field with more values than this is treated as numbers, or by its most frequent values
MOST_VALUES = 12
#: bins of a numeric field's conditional distribution
BINS = 5
#: rows beyond which training takes a seeded sample
MOST_ROWS = 200_000


def parameters(rows: int, seed: int) -> dict[str, Any]:
    """Training parameters for a number of rows: shallow on little data, the same every time."""
    return {
        "learning_rate": 0.05,
        "num_leaves": 4 if rows < 5_000 else 8 if rows < 20_000 else 31,
        "min_data_in_leaf": 20 if rows < 20_000 else 50,
        "lambda_l2": 1.0,
        "cat_smooth": 10.0,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "seed": seed,
        "verbose": -1,
    }


def train_boosted(
    table: pa.Table,
    features: Sequence[str],
    positive: npt.NDArray[np.bool_],
    *,
    label: Label | None,
    seed: int,
    rounds: int = 200,
) -> LightGBMModel:
    """A small boosted model of the target from some of the inputs; nulls are "missing" to it.

    Args:
        table: training rows.
        features: inputs to use.
        positive: shape (n,), the target.
        label: label of the positive class, kept in the model.
        seed: seed of the training.
        rounds: number of trees.
    """
    encoder = Encoder(features, categories_of(table, features))
    chosen = _sample(table.num_rows, seed)
    booster = _train(
        encoder.table(table.take(pa.array(chosen))),
        positive[chosen].astype(np.float64),
        encoder,
        {**parameters(len(chosen), seed), "objective": "binary"},
        rounds,
    )
    return LightGBMModel(booster, features, encoder.categories, positive=label)


def train_mixture(
    main: Model, table: pa.Table, field: str, *, seed: int, rounds: int = 80
) -> MixtureModel | None:
    """The main model averaged over what the field probably was; None when it has one value only.

    Args:
        main: model that has the field among its inputs.
        table: training rows.
        field: the field that will be missing.
        seed: seed of the training.
        rounds: number of trees per value.
    """
    chosen = _sample(table.num_rows, seed)
    table = table.take(pa.array(chosen))
    values, codes = _levels(table.column(field))
    if len(values) < 2:
        return None
    rest = [name for name in main.features if name != field]
    if not rest:
        return None
    encoder = Encoder(rest, categories_of(table, rest))
    known = codes >= 0
    booster = _train(
        encoder.table(table)[known],
        codes[known].astype(np.float64),
        encoder,
        {
            **parameters(int(known.sum()), seed),
            "objective": "multiclass",
            "num_class": len(values),
        },
        rounds,
    )
    return MixtureModel(main, field, values, booster, dict(encoder.categories))


def _train(
    matrix: npt.NDArray[np.float64],
    target: npt.NDArray[np.float64],
    encoder: Encoder,
    settings: dict[str, Any],
    rounds: int,
) -> lgb.Booster:
    categorical = [j for j, name in enumerate(encoder.features) if name in encoder.categories]
    import lightgbm as lgb

    data = lgb.Dataset(
        matrix,
        target,
        categorical_feature=categorical,
        params={"verbose": -1, "min_data_in_bin": 1, "feature_pre_filter": False},
    )
    return lgb.train(settings, data, num_boost_round=rounds)


def _sample(rows: int, seed: int) -> npt.NDArray[np.int64]:
    if rows <= MOST_ROWS:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, MOST_ROWS, replace=False))


def _levels(column: pa.ChunkedArray) -> tuple[list[Any], npt.NDArray[np.int64]]:
    """Values that stand for the field, and which one each row has (-1: none of them)."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    counts = pc.value_counts(pc.drop_null(column)).to_pylist()
    if numeric and len(counts) > MOST_VALUES:
        return _bins(column)
    if not (numeric or pa.types.is_string(kind) or pa.types.is_large_string(kind)
            or pa.types.is_boolean(kind)):  # fmt: skip
        return [], np.full(len(column), -1)
    ranked = sorted(counts, key=lambda c: (-c["counts"], str(c["values"])))[:MOST_VALUES]
    values: list[Any] = [c["values"] for c in ranked if c["values"] == c["values"]]
    code = {value: index for index, value in enumerate(values)}
    found = [code.get(value, -1) for value in column.to_pylist()]
    return _with_nulls(values, np.array(found, dtype=np.int64), column)


def _bins(column: pa.ChunkedArray) -> tuple[list[Any], npt.NDArray[np.int64]]:
    """Quantile bins, each standing for itself by its median."""
    numbers = np.asarray(pc.cast(column, pa.float64(), safe=False).to_numpy(), dtype=np.float64)
    present = np.isfinite(numbers)
    if not present.any():
        return [], np.full(len(numbers), -1)
    edges = np.unique(np.quantile(numbers[present], np.linspace(0, 1, BINS + 1)[1:-1]))
    codes = np.full(len(numbers), -1, dtype=np.int64)
    codes[present] = np.searchsorted(edges, numbers[present], side="right")
    used, codes[present] = np.unique(codes[present], return_inverse=True)
    values: list[Any] = []
    for index in range(len(used)):
        inside = np.sort(numbers[codes == index])
        middle = inside[len(inside) // 2]
        values.append(int(middle) if pa.types.is_integer(column.type) else float(middle))
    return _with_nulls(values, codes, column)


def _with_nulls(
    values: list[Any], codes: npt.NDArray[np.int64], column: pa.ChunkedArray
) -> tuple[list[Any], npt.NDArray[np.int64]]:
    """Null is one more value where training had enough of it for the main model to know it."""
    nulls = np.asarray(pc.is_null(column, nan_is_null=True).to_numpy(), dtype=np.bool_)
    if int(nulls.sum()) >= 30:
        values = [*values, None]
        codes = codes.copy()
        codes[nulls] = len(values) - 1
    return values, codes
