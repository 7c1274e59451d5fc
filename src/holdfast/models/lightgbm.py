"""LightGBM: the Booster's own text file, its categories encoded here, one thread, fast single rows.

The scikit-learn wrapper costs hundreds of microseconds per row, `Booster.predict` about 18, the
public C function ``LGBM_BoosterPredictForMatSingleRowFast`` about 3. Predicting uses the C library
alone (see `lightgbm_library`); on load the fast function must give the same numbers as the general
one on probe rows, else this adapter uses the general one.
"""

from __future__ import annotations

import ctypes
import struct
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

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
from holdfast.models.lightgbm_library import TextBooster, library

if TYPE_CHECKING:
    import lightgbm as lgb

FILE = "booster.txt"
#: below this many rows a loop over the fast single-row function beats one `Booster.predict`
FEW_ROWS = 256
_FLOAT64 = 1  # C_API_DTYPE_FLOAT64
_NORMAL = 0  # C_API_PREDICT_NORMAL
_PARAMETERS = b"num_threads=1"


class LightGBMModel:
    """A LightGBM Booster with its categories.

    Args:
        booster: the trained Booster.
        features: names of the inputs, in the Booster's order.
        categories: categories in code order, for inputs trained as categories.
        positive: label of the positive class.
        flip: the Booster scores the other class; the score is 1 - its output.
    """

    kind: ClassVar[str] = "lightgbm"

    def __init__(
        self,
        booster: lgb.Booster | TextBooster,
        features: Sequence[str],
        categories: Mapping[str, Sequence[Label]] | None = None,
        *,
        positive: Label | None = None,
        task: str = "binary",
        flip: bool = False,
    ) -> None:
        require_count(booster.num_feature(), features)
        if booster.num_model_per_iteration() != 1:
            raise ModelError(
                "only boosters of two classes or of regression are supported",
                expected="1 output",
                got=f"outputs={booster.num_model_per_iteration()}",
            )
        self.features = tuple(features)
        self.task = task
        self.positive = positive
        # through text: the model served is the model saved, and nothing of training is kept alive
        best = booster.best_iteration if booster.best_iteration > 0 else -1
        self._text = booster.model_to_string(num_iteration=best)
        self._booster = TextBooster(self._text)
        self._encoder = Encoder(self.features, categories or {})
        self._flip = flip
        self._one = self._fast_or_slow()

    @property
    def fast(self) -> bool:
        """Whether single rows take the fast C function."""
        return isinstance(self._one, _FastRow)

    def predict(self, rows: Sequence[Row]) -> Scores:
        """Score rows given as dicts."""
        if len(rows) <= FEW_ROWS:
            return np.array([self.predict_one(row) for row in rows], dtype=np.float64)
        return self._finish(self._matrix(self._encoder.rows(rows)))

    def predict_one(self, row: Row) -> float:
        """Score one row."""
        try:
            score = self._one(row)
        except (struct.error, TypeError, ValueError, OverflowError) as error:
            raise not_predictable(self.kind, error) from error
        return 1.0 - score if self._flip else score

    def predict_table(self, table: pa.Table) -> Scores:
        """Score an Arrow table."""
        return self._finish(self._matrix(self._encoder.table(table)))

    def save(self, directory: Path) -> list[str]:
        """Write the Booster's text and ``model.json``."""
        (directory / FILE).write_text(self._text, encoding="utf-8", newline="\n")
        return write_meta(
            directory,
            self,
            files=(FILE,),
            versions={"lightgbm": version("lightgbm")},
            settings={"categories": dict(self._encoder.categories), "flip": self._flip},
        )

    @classmethod
    def load(cls, directory: Path, meta: ModelMeta) -> LightGBMModel:
        """Read the Booster's text."""
        try:
            booster = TextBooster((directory / FILE).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, ModelError) as error:
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
        )

    def _matrix(self, matrix: npt.NDArray[np.float64]) -> Scores:
        if not len(matrix):
            return np.empty(0)
        return self._booster.predict(matrix)

    def _finish(self, scores: Scores) -> Scores:
        return 1.0 - scores if self._flip else scores

    def _fast_or_slow(self) -> Callable[[Row], float]:
        fast = _FastRow.create(self._booster, self._encoder)
        if fast is not None:
            rng = np.random.default_rng(0)
            n = len(self.features)
            probes = rng.normal(0, 10.0 ** rng.uniform(-1, 3, (24, n)))
            probes[::2] = rng.integers(0, 6, (12, n))
            probes[rng.random((24, n)) < 0.2] = np.nan
            wanted = self._matrix(probes)
            got = np.array([fast.encoded(row) for row in probes])
            if np.array_equal(got, wanted) or float(np.max(np.abs(got - wanted))) <= 1e-12:
                return fast

        def slow(row: Row) -> float:
            return float(self._matrix(self._encoder.rows([row]))[0])

        return slow


class _FastRow:
    """The C API's fast single-row prediction: one prepared configuration, one buffer, one lock."""

    def __init__(self, booster: TextBooster, encoder: Encoder, library: Any) -> None:
        n = len(encoder.features)
        self._keep = booster  # the handle inside the configuration lives as long as the Booster
        self._buffer = np.zeros(max(n, 1))
        self._out = ctypes.c_double()
        self._length = ctypes.c_int64()
        self._config = ctypes.c_void_p()
        status = library.LGBM_BoosterPredictForMatSingleRowFastInit(
            booster._handle,
            ctypes.c_int(_NORMAL),
            ctypes.c_int(0),
            ctypes.c_int(-1),
            ctypes.c_int(_FLOAT64),
            ctypes.c_int32(n),
            ctypes.c_char_p(_PARAMETERS),
            ctypes.byref(self._config),
        )
        if status != 0:
            raise OSError("fast configuration refused")
        weakref.finalize(self, library.LGBM_FastConfigFree, self._config)
        self._call = library.LGBM_BoosterPredictForMatSingleRowFast
        self._arguments = (
            self._config,
            self._buffer.ctypes.data_as(ctypes.c_void_p),
            ctypes.byref(self._length),
            ctypes.byref(self._out),
        )
        self._fill = encoder.packer(self._buffer)
        self._lock = threading.Lock()

    @classmethod
    def create(cls, booster: TextBooster, encoder: Encoder) -> _FastRow | None:
        try:
            return cls(booster, encoder, library())
        except (AttributeError, OSError, ctypes.ArgumentError):
            return None  # another LightGBM: the slow path is right, only slower

    def __call__(self, row: Row) -> float:
        with self._lock:
            self._fill(row)
            if self._call(*self._arguments) != 0:
                raise ValueError("prediction refused")
            return self._out.value

    def encoded(self, values: npt.NDArray[np.float64]) -> float:
        with self._lock:
            self._buffer[:] = values
            if self._call(*self._arguments) != 0:
                raise ValueError("prediction refused")
            return self._out.value


def adopt(
    estimator: Any,
    features: Sequence[str] | None,
    positive: Label | None,
    categories: Mapping[str, Sequence[Label]] | None,
) -> LightGBMModel:
    """Take a Booster, LGBMClassifier or LGBMRegressor.

    Args:
        estimator: the trained object.
        features: names in training order; None takes the Booster's own names.
        positive: label of the positive class.
        categories: names of inputs that were trained as pandas categories, each with its
            categories in code order. None works it out from the Booster where it can.
    """
    import lightgbm as lgb

    booster: lgb.Booster = estimator if isinstance(estimator, lgb.Booster) else estimator.booster_
    names = tuple(features) if features is not None else tuple(booster.feature_name())
    flip, label, task = False, positive, "binary"
    if hasattr(estimator, "classes_"):
        index, label = choose_positive(estimator.classes_, positive)
        flip = index == 0
    else:
        objective = _parameter(estimator, booster, "objective")
        if objective not in ("binary", "cross_entropy", "xentropy"):
            task = "regression"
    found = categories if categories is not None else _own_categories(booster, names)
    return LightGBMModel(booster, names, found, positive=label, task=task, flip=flip)


def _parameter(estimator: Any, booster: lgb.Booster, name: str) -> str:
    for line in booster.model_to_string(num_iteration=1).splitlines():
        if line.startswith(f"{name}="):
            return line.split("=", 1)[1].split(" ")[0]
    return ""


def _own_categories(booster: lgb.Booster, names: Sequence[str]) -> dict[str, tuple[Label, ...]]:
    """Which input has which categories, from what the Booster remembers of its training frame."""
    remembered = booster.pandas_categorical or []
    if not remembered:
        return {}
    columns: list[int] = []
    for line in booster.model_to_string(num_iteration=1).splitlines():
        if line.startswith("[categorical_feature: "):
            text = line.removeprefix("[categorical_feature: ").removesuffix("]")
            columns = [int(part) for part in text.split(",") if part.strip()]
    if len(columns) != len(remembered):
        raise ModelError(
            "which inputs were categories in training cannot be told from the Booster",
            expected=f"{len(remembered)} categorical inputs",
            got=f"categorical_feature={len(columns)}",
            remedy='pass categories={"name": [categories in training order], ...}',
        )
    return {names[index]: tuple(values) for index, values in zip(columns, remembered, strict=True)}
