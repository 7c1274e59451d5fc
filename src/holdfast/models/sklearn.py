"""scikit-learn: saved by skops as an inert tree, loaded only when every type in it is allowed.

An estimator fitted on a pandas frame remembers column names, and asking it for one row would need
pandas in the server. `adopt` therefore takes a copy, rewrites column names to positions, and
forgets the names; rows then go in as one object array. That this gives the same scores is
checked when a release is built, on the caller's own frame.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import sklearn
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline

from holdfast.errors import ModelError
from holdfast.models.base import (
    Label,
    ModelMeta,
    Row,
    Scores,
    choose_positive,
    not_predictable,
    require_columns,
    write_meta,
)

FILE = "estimator.skops"

#: types beyond skops' own list that a saved estimator may contain, each known to be inert data
#: or code of scikit-learn, LightGBM or XGBoost themselves. Additions are made here, by name.
ALLOWED_TYPES = (
    "collections.OrderedDict",
    "collections.defaultdict",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "lightgbm.sklearn.LGBMRegressor",
    "numpy.dtype",
    "sklearn._loss._loss.CyHalfBinomialLoss",
    "sklearn._loss._loss.CyHalfMultinomialLoss",
    "sklearn._loss._loss.CyHalfSquaredError",
    "sklearn._loss.link.IdentityLink",
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.link.MultinomialLogit",
    "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn._loss.loss.HalfSquaredError",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.neighbors._ball_tree.BallTree",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
    "xgboost.sklearn.XGBRegressor",
)

#: how a null is shown to the estimator
_NULLS: dict[str, float | None] = {"nan": float("nan"), "none": None}


class SklearnModel:
    """A fitted scikit-learn estimator that takes one object array, columns by position.

    Args:
        estimator: the estimator, already without column names (see `adopt`).
        features: names of the columns, in order.
        column: column of ``predict_proba`` to give; None for regression.
        positive: label of the positive class.
        null: how nulls are shown: ``nan`` or ``none``.
        numeric: whether every input is a number (then rows go in as float64, which is faster).
    """

    kind: ClassVar[str] = "sklearn"

    def __init__(
        self,
        estimator: Any,
        features: Sequence[str],
        *,
        column: int | None,
        positive: Label | None = None,
        null: str = "nan",
        numeric: bool = False,
    ) -> None:
        self.features = tuple(features)
        self.positive = positive
        self.task = "regression" if column is None else "binary"
        self.estimator = estimator
        self.column = column
        self.null = null
        self._marker = _NULLS[null]
        self.numeric = numeric

    def predict(self, rows: Sequence[Row]) -> Scores:
        """Score rows given as dicts."""
        return self._score(self._cells(rows)) if len(rows) else np.empty(0)

    def matrix(self, rows: Sequence[Row]) -> npt.NDArray[Any]:
        """The rows as the estimator takes them."""
        return self._shown(self._cells(rows))

    def _cells(self, rows: Sequence[Row]) -> npt.NDArray[Any]:
        matrix = np.empty((len(rows), len(self.features)), dtype=object)
        for j, name in enumerate(self.features):
            matrix[:, j] = [row.get(name) for row in rows]
        return matrix

    def predict_one(self, row: Row) -> float:
        """Score one row."""
        return float(self.predict((row,))[0])

    def predict_table(self, table: pa.Table) -> Scores:
        """Score an Arrow table."""
        require_columns(table, self.features)
        if not table.num_rows:
            return np.empty(0)
        matrix = np.empty((table.num_rows, len(self.features)), dtype=object)
        for j, name in enumerate(self.features):
            matrix[:, j] = table.column(name).to_pylist()
        return self._score(matrix)

    def with_null(self, null: str) -> SklearnModel:
        """The same model, showing nulls as ``nan`` or ``none``."""
        return type(self)(
            self.estimator,
            self.features,
            column=self.column,
            positive=self.positive,
            null=null,
            numeric=self.numeric,
        )

    def alternatives(self) -> list[SklearnModel]:
        """Other adapters of the same estimator, in the order to try them."""
        return [self.with_null("none")]

    def save(self, directory: Path) -> list[str]:
        """Write the estimator by skops, after checking that it could be loaded again."""
        import skops
        import skops.io

        path = directory / FILE
        try:
            skops.io.dump(self.estimator, path)
        except Exception as error:
            raise ModelError(
                "this estimator cannot be saved safely",
                expected="scikit-learn estimators without lambdas or local classes",
                got=type(error).__name__,
                remedy="replace FunctionTransformer lambdas by named steps, or export to ONNX",
            ) from error
        _refuse_unknown_types(path)
        return write_meta(
            directory,
            self,
            files=(FILE,),
            versions={"scikit-learn": sklearn.__version__, "skops": skops.__version__},
            settings={"column": self.column, "null": self.null, "numeric": self.numeric},
        )

    @classmethod
    def load(cls, directory: Path, meta: ModelMeta) -> SklearnModel:
        """Read the estimator; every type in the file is audited before anything is built."""
        import skops.io

        path = directory / FILE
        _refuse_unknown_types(path)
        try:
            estimator = skops.io.load(path, trusted=list(ALLOWED_TYPES))
        except Exception as error:
            raise ModelError(
                "the saved estimator cannot be loaded",
                got=f"{type(error).__name__}: {error}",
                remedy="install the versions named in the release's environment lock",
            ) from error
        return cls(
            estimator,
            meta.features,
            column=meta.settings.get("column"),
            positive=meta.positive,
            null=str(meta.settings.get("null", "nan")),
            numeric=bool(meta.settings.get("numeric", False)),
        )

    def _score(self, matrix: npt.NDArray[Any]) -> Scores:
        try:
            with sklearn.config_context(skip_parameter_validation=True):
                return self._ask(self._shown(matrix))
        except (TypeError, ValueError, OverflowError, KeyError, IndexError) as error:
            raise not_predictable(self.kind, error) from error

    def _shown(self, matrix: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if self.numeric:
            return matrix.astype(np.float64)
        _mark_nulls(matrix, self._marker)
        return matrix

    def _ask(self, matrix: npt.NDArray[Any]) -> Scores:
        if self.column is None:
            return np.asarray(self.estimator.predict(matrix), dtype=np.float64).ravel()
        scores = self.estimator.predict_proba(matrix)[:, self.column]
        return np.asarray(scores, dtype=np.float64)


def _mark_nulls(matrix: npt.NDArray[Any], marker: float | None) -> None:
    """Write ``marker`` wherever an object array has None or NaN."""
    flat = matrix.ravel()
    for index, value in enumerate(flat.tolist()):
        if value is None or value != value:
            flat[index] = marker


def _refuse_unknown_types(path: Path) -> None:
    """Raise when the file holds a type that nobody allowed by name."""
    import skops.io

    try:
        strange = set(skops.io.get_untrusted_types(file=path)) - set(ALLOWED_TYPES)
    except Exception as error:
        raise ModelError(
            "the saved estimator cannot be read",
            expected="a file written by skops",
            got=f"{type(error).__name__} in {FILE}",
            remedy="build the release again",
        ) from error
    if strange:
        raise ModelError(
            "the estimator contains types that are not on the allow-list",
            expected="types of scikit-learn, numpy, scipy, LightGBM or XGBoost",
            got=f"types={sorted(strange)}",
            remedy="replace custom classes by scikit-learn's own, or export the model to ONNX",
        )


def take(estimator: Any, features: Sequence[str] | None, positive: Label | None) -> SklearnModel:
    """The plain adapter of a fitted estimator or pipeline."""
    names = features
    if names is None:
        own = getattr(estimator, "feature_names_in_", None)
        if own is None:
            raise ModelError(
                "the estimator does not know the names of its inputs",
                expected="an estimator fitted on a frame with column names",
                got="feature_names_in_ absent",
                remedy="pass features=[...] in the order of the training array's columns",
            )
        names = [str(name) for name in own]
    if hasattr(estimator, "classes_"):
        if not hasattr(estimator, "predict_proba"):
            raise ModelError(
                "the classifier gives no probabilities",
                expected="an estimator with predict_proba",
                got=f"type={type(estimator).__name__}",
                remedy="wrap it in sklearn.calibration.CalibratedClassifierCV",
            )
        column, label = choose_positive(list(estimator.classes_), positive)
        return SklearnModel(
            without_names(estimator, tuple(names)), names, column=column, positive=label
        )
    return SklearnModel(without_names(estimator, tuple(names)), names, column=None)


def without_names(estimator: Any, names: tuple[str, ...]) -> Any:
    """A copy of a fitted estimator that takes its columns by position.

    ColumnTransformers get positions for names; every ``feature_names_in_`` is dropped, so that
    arrays are taken without a warning.
    """
    twin = copy.deepcopy(estimator)
    _forget(twin, names, set())
    return twin


def _forget(part: Any, names: tuple[str, ...] | None, seen: set[int]) -> None:
    """Walk one estimator: rewrite columns where it is a ColumnTransformer, then its parts."""
    if id(part) in seen or not hasattr(part, "__dict__"):
        return
    seen.add(id(part))
    own = getattr(part, "feature_names_in_", None)
    if own is not None:
        names = tuple(str(name) for name in own)
    if isinstance(part, ColumnTransformer) and names is not None:
        _to_positions(part, names)
    for attribute, value in list(vars(part).items()):
        if attribute == "feature_names_in_":
            continue
        _forget_inside(value, names if isinstance(part, Pipeline | FeatureUnion) else None, seen)
    if own is not None and "feature_names_in_" in vars(part):
        del part.feature_names_in_


def _forget_inside(value: Any, names: tuple[str, ...] | None, seen: set[int]) -> None:
    if isinstance(value, list | tuple):
        for item in value:
            _forget_inside(item, names, seen)
    elif isinstance(value, dict):
        for item in value.values():
            _forget_inside(item, names, seen)
    elif type(value).__module__.partition(".")[0] in ("sklearn", "lightgbm", "xgboost", "imblearn"):
        _forget(value, names, seen)


def _to_positions(transformer: ColumnTransformer, names: tuple[str, ...]) -> None:
    """Replace column names by positions in a fitted ColumnTransformer."""
    position = {name: index for index, name in enumerate(names)}

    def numbers(columns: Any, key: str) -> Any:
        taken = transformer._transformer_to_input_indices.get(key)
        if taken is not None:
            return list(taken)
        if isinstance(columns, str):
            return position[columns]
        return columns

    def one(entry: tuple[Any, ...]) -> tuple[Any, ...]:
        name, member, columns = entry
        if isinstance(columns, str):  # a single name means a one-dimensional column
            return (name, member, position[columns])
        return (name, member, numbers(columns, name))

    transformer.transformers_ = [one(entry) for entry in transformer.transformers_]
    transformer.transformers = [
        (name, member, next((c for n, _, c in transformer.transformers_ if n == name), columns))
        for name, member, columns in transformer.transformers
    ]
    transformer._columns = [columns for _, _, columns in transformer.transformers]


def quiet_clone(estimator: Any) -> Any:
    """An unfitted copy with the same parameters, as `sklearn.base.clone` gives it."""
    from sklearn.base import clone

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return clone(estimator)
