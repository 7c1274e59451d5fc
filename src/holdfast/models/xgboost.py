"""XGBoost: the native UBJSON file, categories encoded here, one thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xgboost as xgb

from holdfast.errors import ModelError
from holdfast.models.base import (
    Label,
    ModelMeta,
    Row,
    Scores,
    choose_positive,
    not_predictable,
    require_count,
    write_meta,
)
from holdfast.models.encoding import Encoder

FILE = "booster.ubj"


class XGBoostModel:
    """An XGBoost Booster with its categories.

    Args:
        booster: the trained Booster.
        features: names of the inputs, in the Booster's order.
        categories: categories in code order, for inputs trained as categories.
        positive: label of the positive class.
        flip: the Booster scores the other class; the score is 1 - its output.
    """

    kind: ClassVar[str] = "xgboost"

    def __init__(
        self,
        booster: xgb.Booster,
        features: Sequence[str],
        categories: Mapping[str, Sequence[Label]] | None = None,
        *,
        positive: Label | None = None,
        task: str = "binary",
        flip: bool = False,
        end: int = 0,
    ) -> None:
        require_count(booster.num_features(), features)
        self.features = tuple(features)
        self.task = task
        self.positive = positive
        # through bytes: the model served is the model saved, and the caller's is not touched
        self._raw = bytes(booster.save_raw("ubj"))
        self._booster = xgb.Booster(params={"nthread": 1}, model_file=bytearray(self._raw))
        self._encoder = Encoder(self.features, categories or {})
        self._names = self._booster.feature_names
        self._types = self._booster.feature_types
        self._flip = flip
        self._end = end

    def predict(self, rows: Sequence[Row]) -> Scores:
        """Score rows given as dicts."""
        return self._scores(self._encoder.rows(rows))

    def predict_one(self, row: Row) -> float:
        """Score one row."""
        return float(self.predict((row,))[0])

    def predict_table(self, table: pa.Table) -> Scores:
        """Score an Arrow table."""
        return self._scores(self._encoder.table(table))

    def save(self, directory: Path) -> list[str]:
        """Write the Booster as UBJSON and ``model.json``."""
        (directory / FILE).write_bytes(self._raw)
        return write_meta(
            directory,
            self,
            files=(FILE,),
            versions={"xgboost": xgb.__version__},
            settings={
                "categories": dict(self._encoder.categories),
                "flip": self._flip,
                "end": self._end,
            },
        )

    @classmethod
    def load(cls, directory: Path, meta: ModelMeta) -> XGBoostModel:
        """Read the Booster."""
        try:
            booster = xgb.Booster(model_file=bytearray((directory / FILE).read_bytes()))
        except (OSError, xgb.core.XGBoostError) as error:
            raise ModelError(
                "the Booster file cannot be read", got=f"{type(error).__name__} in {FILE}"
            ) from error
        return cls(
            booster,
            meta.features,
            meta.settings.get("categories") or {},
            positive=meta.positive,
            task=meta.task,
            flip=bool(meta.settings.get("flip", False)),
            end=int(meta.settings.get("end", 0)),
        )

    def _scores(self, matrix: npt.NDArray[np.float64]) -> Scores:
        if not len(matrix):
            return np.empty(0)
        try:
            data = xgb.DMatrix(
                matrix,
                feature_names=self._names,
                feature_types=self._types,
                enable_categorical=True,
                nthread=1,
            )
            out = self._booster.predict(data, iteration_range=(0, self._end))
        except (xgb.core.XGBoostError, ValueError) as error:
            raise not_predictable(self.kind, error) from error
        scores = np.asarray(out, dtype=np.float64).ravel()
        return 1.0 - scores if self._flip else scores


def adopt(
    estimator: Any,
    features: Sequence[str] | None,
    positive: Label | None,
    categories: Mapping[str, Sequence[Label]] | None,
) -> XGBoostModel:
    """Take a Booster, XGBClassifier or XGBRegressor.

    Args:
        estimator: the trained object.
        features: names in training order; None takes the Booster's own names.
        positive: label of the positive class.
        categories: inputs trained as categories, each with its categories in code order.
    """
    booster: xgb.Booster = (
        estimator if isinstance(estimator, xgb.Booster) else estimator.get_booster()
    )
    names = features if features is not None else booster.feature_names
    if names is None:
        raise ModelError(
            "the Booster does not know the names of its inputs",
            expected="names",
            got="feature_names=None",
            remedy="pass features=[...] in the order of training",
        )
    if booster.feature_types and "c" in booster.feature_types and categories is None:
        raise ModelError(
            "which categories the inputs had in training cannot be told from the Booster",
            expected="categories",
            got="feature_types contains 'c'",
            remedy='pass categories={"name": [categories in training order], ...}',
        )
    flip, label, task = False, positive, "binary"
    objective = str(getattr(estimator, "objective", None) or _objective(booster))
    if hasattr(estimator, "classes_"):
        index, label = choose_positive(list(estimator.classes_), positive)
        flip = index == 0
    elif not objective.startswith("binary:"):
        task = "regression"
    best = booster.attr("best_iteration")
    return XGBoostModel(
        booster,
        names,
        categories,
        positive=label,
        task=task,
        flip=flip,
        end=int(best) + 1 if best is not None else 0,
    )


def _objective(booster: xgb.Booster) -> str:
    import json

    config = json.loads(booster.save_config())
    return str(config["learner"]["objective"]["name"])
