"""LightGBM by its C interface, without the packages that its Python interface loads.

An audit fits a few dozen small models; loading pandas, scikit-learn and SciPy for them would cost
more than the models. The numbers are those of `lightgbm.train` with the same parameters.

Source: https://lightgbm.readthedocs.io/en/stable/C-API.html
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_FLOAT32, _ROW_MAJOR, _VALUE, _GAIN = 0, 1, 0, 1
_NAMES = ("lib_lightgbm.so", "lib_lightgbm.dylib", "lib_lightgbm.dll")


@cache
def _library() -> Any:
    spec = find_spec("lightgbm")
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        for path in (Path(folder, sub, name) for sub in ("lib", "bin") for name in _NAMES):
            if path.is_file():
                return _typed(ctypes.CDLL(str(path)))
    from lightgbm import libpath  # built elsewhere: its own search finds the library

    return _typed(ctypes.CDLL(libpath._find_lib_path()[0]))


def _typed(library: Any) -> Any:
    library.LGBM_GetLastError.restype = ctypes.c_char_p
    return library


def _call(name: str, *arguments: Any) -> None:
    library = _library()
    if getattr(library, name)(*arguments) != 0:
        raise RuntimeError(f"LightGBM: {library.LGBM_GetLastError().decode('utf-8')}")


def _text(parameters: Mapping[str, Any]) -> ctypes.c_char_p:
    told = (f"{k}={str(v).lower() if isinstance(v, bool) else v}" for k, v in parameters.items())
    return ctypes.c_char_p(" ".join(told).encode("ascii"))


def _pointer(array: Any) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


class Boosted:
    """A boosted model of numbers, categories being numbers too; NaN is missing.

    Args:
        x: shape (n, k), float32.
        y: shape (n,), the target.
        parameters: of training, by LightGBM's names.
        rounds: trees, or trees of each class.

    Example:
        >>> x = np.arange(100, dtype=np.float32)[:, None]
        >>> model = Boosted(x, (x[:, 0] > 49) * 1.0, {"objective": "binary", "verbose": -1}, 20)
        >>> model.predict(x[[0, 99]]).round(1).tolist()
        [0.1, 0.9]
    """

    def __init__(self, x: Any, y: Any, parameters: Mapping[str, Any], rounds: int) -> None:
        self._data, self._model = ctypes.c_void_p(), ctypes.c_void_p()
        self.columns = x.shape[1]
        self.classes = int(parameters.get("num_class", 1))
        x = np.ascontiguousarray(x, dtype=np.float32)
        label = np.ascontiguousarray(y, dtype=np.float32)
        _call(
            "LGBM_DatasetCreateFromMat", _pointer(x), ctypes.c_int(_FLOAT32),
            ctypes.c_int32(len(x)), ctypes.c_int32(self.columns), ctypes.c_int(_ROW_MAJOR),
            _text(parameters), None, ctypes.byref(self._data),
        )  # fmt: skip
        _call(
            "LGBM_DatasetSetField", self._data, ctypes.c_char_p(b"label"), _pointer(label),
            ctypes.c_int(len(label)), ctypes.c_int(_FLOAT32),
        )  # fmt: skip
        _call("LGBM_BoosterCreate", self._data, _text(parameters), ctypes.byref(self._model))
        finished = ctypes.c_int(0)
        for _ in range(rounds):
            _call("LGBM_BoosterUpdateOneIter", self._model, ctypes.byref(finished))
            if finished.value:
                break

    def predict(self, x: Any) -> Floats:
        """Shape (n,) probabilities or values; (n, classes) for several classes."""
        x = np.ascontiguousarray(x, dtype=np.float32)
        out = np.empty(len(x) * self.classes, np.float64)
        length = ctypes.c_int64(0)
        _call(
            "LGBM_BoosterPredictForMat", self._model, _pointer(x), ctypes.c_int(_FLOAT32),
            ctypes.c_int32(len(x)), ctypes.c_int32(self.columns), ctypes.c_int(_ROW_MAJOR),
            ctypes.c_int(_VALUE), ctypes.c_int(0), ctypes.c_int(-1),
            ctypes.c_char_p(b"num_threads=1"), ctypes.byref(length), _pointer(out),
        )  # fmt: skip
        return out if self.classes == 1 else out.reshape(len(x), self.classes)

    def gains(self) -> Floats:
        """Shape (k,): how much the splits on each column helped, in sum."""
        out = np.empty(self.columns, np.float64)
        _call(
            "LGBM_BoosterFeatureImportance", self._model, ctypes.c_int(-1), ctypes.c_int(_GAIN),
            _pointer(out),
        )  # fmt: skip
        return out

    def __del__(self) -> None:
        """Give the memory back."""
        if self._model:
            _library().LGBM_BoosterFree(self._model)
        if self._data:
            _library().LGBM_DatasetFree(self._data)
