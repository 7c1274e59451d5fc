"""LightGBM's own C library, without its Python package: what serving needs of it, and no more.

The package imports SciPy and narwhals, and pandas and scikit-learn where they are installed:
seconds of start-up for a server that only predicts. The library itself loads in milliseconds.
"""

from __future__ import annotations

import ctypes
import importlib.util
import sys
import weakref
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from holdfast.errors import ModelError

_FLOAT64 = 1  # C_API_DTYPE_FLOAT64
_NORMAL = 0  # C_API_PREDICT_NORMAL
_NAMES = ("lib_lightgbm.so", "lib_lightgbm.dylib", "lib_lightgbm.dll")


@lru_cache(maxsize=1)
def library() -> ctypes.CDLL:
    """The C library that the installed package brings.

    Raises:
        ModelError: LightGBM is not installed, or its library cannot be loaded.
    """
    loaded = sys.modules.get("lightgbm.basic")
    if loaded is not None and isinstance(getattr(loaded, "_LIB", None), ctypes.CDLL):
        found: ctypes.CDLL = loaded._LIB
        return found
    spec = importlib.util.find_spec("lightgbm")
    places = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    for place in places:
        for name in _NAMES:
            for file in (place / "lib" / name, place / "bin" / name, place / name):
                if file.is_file():
                    try:
                        return _declared(ctypes.CDLL(str(file)))
                    except (OSError, AttributeError) as error:
                        raise _unusable(type(error).__name__) from error
    raise _unusable("no library file" if places else "not installed")


def _declared(found: ctypes.CDLL) -> ctypes.CDLL:
    found.LGBM_GetLastError.restype = ctypes.c_char_p
    return found


def _unusable(why: str) -> ModelError:
    return ModelError(
        "LightGBM's library cannot be used",
        expected="the package lightgbm with its library",
        got=why,
        remedy="pip install lightgbm",
    )


class TextBooster:
    """A Booster read from its text, for predicting in one thread.

    Args:
        text: what `lightgbm.Booster.model_to_string` gave.

    Raises:
        ModelError: the text is not a model.
    """

    def __init__(self, text: str) -> None:
        self._library = library()
        self._text = text
        self._handle = ctypes.c_void_p()
        iterations = ctypes.c_int()
        self._check(
            self._library.LGBM_BoosterLoadModelFromString(
                ctypes.c_char_p(text.encode("utf-8")),
                ctypes.byref(iterations),
                ctypes.byref(self._handle),
            )
        )
        weakref.finalize(self, self._library.LGBM_BoosterFree, self._handle)
        self._features = self._number("LGBM_BoosterGetNumFeature")
        self._outputs = self._number("LGBM_BoosterNumModelPerIteration")
        self.best_iteration = 0

    def num_feature(self) -> int:
        """Inputs of the model."""
        return self._features

    def num_model_per_iteration(self) -> int:
        """Trees of one round: 1 for two classes or regression."""
        return self._outputs

    def model_to_string(self, num_iteration: int = -1) -> str:
        """The text it was read from."""
        return self._text

    def predict(self, matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Scores of the rows of a matrix, the same as the package's own.

        Returns:
            One score for each row, or a matrix with one column for each class.
        """
        data = np.ascontiguousarray(matrix, dtype=np.float64)
        rows, columns = data.shape
        if columns != self._features:
            raise ModelError(
                "the rows do not fit the model",
                expected=f"{self._features} inputs",
                got=f"{columns}",
            )
        out = np.empty(rows * self._outputs, dtype=np.float64)
        length = ctypes.c_int64()
        self._check(
            self._library.LGBM_BoosterPredictForMat(
                self._handle,
                data.ctypes.data_as(ctypes.c_void_p),
                ctypes.c_int(_FLOAT64),
                ctypes.c_int32(rows),
                ctypes.c_int32(columns),
                ctypes.c_int(1),  # row after row
                ctypes.c_int(_NORMAL),
                ctypes.c_int(0),
                ctypes.c_int(-1),
                ctypes.c_char_p(b"num_threads=1"),
                ctypes.byref(length),
                out.ctypes.data_as(ctypes.POINTER(ctypes.c_double)),
            )
        )
        return out if self._outputs == 1 else out.reshape(rows, self._outputs)

    def _number(self, function: str) -> int:
        out = ctypes.c_int()
        self._check(getattr(self._library, function)(self._handle, ctypes.byref(out)))
        return out.value

    def _check(self, status: Any) -> None:
        if status != 0:
            told = self._library.LGBM_GetLastError
            told.restype = ctypes.c_char_p
            raise ModelError(
                "LightGBM refused", got=(told() or b"").decode("utf-8", "replace")[:200]
            )
