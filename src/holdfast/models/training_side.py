"""The training side: the caller's own estimator, asked and refitted on the caller's own frame.

A release compares these numbers with those of the saved model. Only here may the caller's pandas
or polars frame be touched; it is read, never changed.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from holdfast.errors import ModelError
from holdfast.models.base import Label, Model, Scores, choose_positive
from holdfast.models.linear import LinearModel, close

Rows = npt.NDArray[np.int64]


class Side:
    """One table twice: as the caller gave it, and as Arrow.

    Args:
        source: the caller's object.
        table: the same rows as an Arrow table.
    """

    def __init__(self, source: Any, table: pa.Table) -> None:
        self.table = table
        root = type(source).__module__.partition(".")[0]
        known = root in ("pandas", "polars") and len(source) == table.num_rows
        self._frame = source if known else None
        self.flavour = root if known else "arrow"

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.table.num_rows)

    def take(self, rows: Rows) -> Side:
        """Some rows, in the order asked."""
        return Side(self._frame_rows(self._frame, rows), self.table.take(pa.array(rows)))

    def mixed(self, picks: Mapping[str, Rows]) -> Side:
        """Rows whose every column is picked on its own: real values, nobody's row."""
        table = pa.table({c: self.table.column(c).take(pa.array(r)) for c, r in picks.items()})
        if self._frame is None:
            return Side(None, table)
        columns = {c: self._frame_rows(self._frame[[c]], r) for c, r in picks.items()}
        if self.flavour == "pandas":
            first = next(iter(columns.values()))
            rest = {c: part[c] for c, part in columns.items()}
            return Side(first.assign(**rest)[list(picks)], table)
        first, *others = columns.values()
        return Side(first.hstack([part.to_series() for part in others]), table)

    def _frame_rows(self, frame: Any, rows: Rows) -> Any:
        if frame is None:
            return None
        if self.flavour == "pandas":
            return frame.iloc[rows].reset_index(drop=True)
        return frame[rows.tolist()]

    def inputs(self, features: Sequence[str], *, named: bool) -> Any:
        """What the estimator was fitted on: the caller's frame, or one object array."""
        if self._frame is not None and named:
            return self._frame[list(features)]
        if named:
            return self.table.select(list(features)).to_pandas()
        matrix = np.empty((self.rows, len(features)), dtype=object)
        for j, name in enumerate(features):
            column = self.table.column(name).to_pylist()
            matrix[:, j] = [np.nan if value is None else value for value in column]
        return matrix


def is_named(estimator: Any) -> bool:
    """Whether an estimator was fitted on a frame with column names."""
    return getattr(estimator, "feature_names_in_", None) is not None


def training_scores(
    estimator: Any, side: Side, features: Sequence[str], positive: Label | None
) -> Scores | None:
    """Scores by the caller's own estimator; None when there is no separate training side.

    Args:
        estimator: what the caller trained.
        side: the rows.
        features: the estimator's inputs.
        positive: label of the positive class.
    """
    root = type(estimator).__module__.partition(".")[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if root == "lightgbm" and not hasattr(estimator, "fit"):
            if side.flavour != "pandas":
                return None
            return np.asarray(estimator.predict(side.inputs(features, named=True)), np.float64)
        if isinstance(estimator, str | bytes | Model) or not hasattr(estimator, "predict"):
            return None
        if root in ("lightgbm", "xgboost") and side.flavour == "arrow":
            return None
        if root == "xgboost" and not hasattr(estimator, "fit"):
            return None
        named = is_named(estimator) or root in ("lightgbm", "xgboost")
        inputs = side.inputs(features, named=named)
        if hasattr(estimator, "predict_proba"):
            column, _ = choose_positive(list(estimator.classes_), positive)
            return np.asarray(estimator.predict_proba(inputs)[:, column], dtype=np.float64)
        return np.asarray(estimator.predict(inputs), dtype=np.float64).ravel()


def agree(
    model: Model, estimator: Any, side: Side, positive: Label | None, tolerance: float
) -> tuple[Model, float]:
    """The adapter whose scores are the estimator's, and their largest difference.

    scikit-learn pipelines may have met nulls as NaN or as None; which one is settled here, by
    comparing scores on the caller's frame. A compiled model must agree up to rounding, else the
    adapter it was compiled from is tried.

    Args:
        model: the adopted model.
        estimator: what it was adopted from.
        side: rows to compare on.
        positive: label of the positive class.
        tolerance: difference from which on another representation is tried.
    """
    wanted = training_scores(estimator, side, model.features, positive)
    if wanted is None and isinstance(model, LinearModel) and model.plain is not None:
        wanted = model.plain.predict_table(side.table)
    if wanted is None:
        return model, 0.0
    best: tuple[Model, float] | None = None
    failure: ModelError | None = None
    for candidate in _candidates(model):
        try:
            scores = candidate.predict_table(side.table)
            if not _faithful(candidate, scores, wanted, side):
                continue
        except ModelError as error:
            failure = failure or error
            continue
        difference = float(np.max(np.abs(scores - wanted), initial=0.0))
        if best is None or difference < best[1]:
            best = (candidate, difference)
        if difference <= tolerance:
            break
    if best is None:
        raise failure or ModelError("the model cannot score its own training rows")
    return best


def _candidates(model: Model) -> Iterator[Model]:
    yield model
    alternatives = getattr(model, "alternatives", None)
    if alternatives is not None:
        yield from alternatives()


def _faithful(candidate: Model, scores: Scores, wanted: Scores, side: Side) -> bool:
    """Whether a compiled model is what it was compiled from, up to rounding, on these rows."""
    if not isinstance(candidate, LinearModel) or candidate.plain is None or close(scores, wanted):
        return True
    return close(scores, candidate.plain.predict_table(side.table))


def refit(
    estimator: Any,
    side: Side,
    labels: Sequence[Any],
    features: Sequence[str],
    dropped: Sequence[str] = (),
) -> Any | None:
    """The same kind of estimator, fitted again without some inputs; None when it cannot be.

    Args:
        estimator: a scikit-learn compatible estimator (wrappers of LightGBM and XGBoost too).
        side: training rows.
        labels: the target, one per row.
        features: inputs of the original, in order.
        dropped: inputs to leave out.
    """
    if not (hasattr(estimator, "get_params") and hasattr(estimator, "fit")):
        return None
    root = type(estimator).__module__.partition(".")[0]
    if root in ("lightgbm", "xgboost") and side.flavour == "arrow":
        return None
    named = is_named(estimator)
    kept = [name for name in features if name not in set(dropped)]
    from holdfast.models.sklearn import quiet_clone

    try:
        twin = quiet_clone(estimator)
        if dropped:
            without_columns(twin, tuple(features), frozenset(dropped), named=named)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            twin.fit(side.inputs(kept, named=named or side.flavour != "arrow"), np.asarray(labels))
    except (TypeError, ValueError, KeyError, IndexError, AttributeError):
        return None
    return twin


def without_columns(
    estimator: Any, features: tuple[str, ...], dropped: frozenset[str], *, named: bool
) -> None:
    """Take inputs out of every ColumnTransformer of an unfitted estimator, in place."""
    from sklearn.compose import ColumnTransformer

    for part in [estimator, *_nested(estimator)]:
        if isinstance(part, ColumnTransformer):
            kept = [
                (name, member, columns)
                for name, member, old in part.transformers
                if (columns := _columns_without(old, features, dropped, named=named)) is not None
            ]
            part.set_params(transformers=kept)


def _nested(estimator: Any) -> list[Any]:
    return [p for p in estimator.get_params(deep=True).values() if hasattr(p, "get_params")]


def _columns_without(
    columns: Any, features: tuple[str, ...], dropped: frozenset[str], *, named: bool
) -> Any | None:
    """Columns of one transformer without the dropped ones; None when none is left."""
    if callable(columns):
        return columns
    if isinstance(columns, str):
        return None if columns in dropped else columns
    if isinstance(columns, slice):
        columns = list(range(*columns.indices(len(features))))
    if isinstance(columns, int):
        if features[columns] in dropped:
            return None
        return columns - sum(name in dropped for name in features[:columns])
    listed = list(copy.copy(columns))
    if listed and all(isinstance(c, bool | np.bool_) for c in listed):
        listed = [index for index, wanted in enumerate(listed) if wanted]
    if named and all(isinstance(c, str) for c in listed):
        return [c for c in listed if c not in dropped] or None
    kept = [
        int(c) - sum(name in dropped for name in features[: int(c)])
        for c in listed
        if features[int(c)] not in dropped
    ]
    return kept or None
