"""Rows and tables to float64 matrices, with categories as codes: one encoder for tree boosters.

The codes are those that LightGBM and XGBoost gave the categories in training. An unseen category,
a null and a NaN are NaN: "missing" to a booster.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.errors import ModelError
from holdfast.models.base import Label, Row, require_columns

NAN = math.nan


class Encoder:
    """Encodes named inputs as float64.

    Args:
        features: names of the inputs, in column order.
        categories: for categorical inputs, the categories in the order of their codes 0, 1, …

    Example:
        >>> e = Encoder(("age", "job"), {"job": ("fixed", "partime")})
        >>> e.rows([{"age": 30, "job": "partime"}, {"job": "baker"}]).tolist()
        [[30.0, 1.0], [nan, nan]]
    """

    def __init__(self, features: Sequence[str], categories: Mapping[str, Sequence[Label]]) -> None:
        self.features = tuple(features)
        self.categories = {name: tuple(values) for name, values in categories.items()}
        self._codes: dict[str, dict[Any, float]] = {
            name: {value: float(code) for code, value in enumerate(values)}
            for name, values in self.categories.items()
        }

    def rows(self, rows: Sequence[Row]) -> npt.NDArray[np.float64]:
        """Matrix of shape (rows, features)."""
        out = np.empty((len(rows), len(self.features)))
        for j, name in enumerate(self.features):
            codes = self._codes.get(name)
            try:
                if codes is not None:
                    get = codes.get
                    out[:, j] = [get(row.get(name), NAN) for row in rows]
                else:
                    # dtype float turns None into NaN and refuses text that is no number
                    column = [row.get(name) for row in rows]
                    if any(value.__class__ is str for value in column):
                        raise TypeError(name)
                    out[:, j] = np.array(column, dtype=np.float64)
            except (TypeError, ValueError, OverflowError) as error:
                raise _wrong_type(name, codes is not None) from error
        return out

    def table(self, table: pa.Table) -> npt.NDArray[np.float64]:
        """Matrix of shape (rows, features), column by column without Python objects."""
        require_columns(table, self.features)
        out = np.empty((table.num_rows, len(self.features)))
        for j, name in enumerate(self.features):
            out[:, j] = self._column(name, table.column(name))
        return out

    def _column(self, name: str, column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        values = self.categories.get(name)
        try:
            if pa.types.is_null(column.type):
                return np.full(len(column), NAN)
            if values is not None:
                return self._categorical(name, values, column)
            if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                raise TypeError(name)
            if pa.types.is_boolean(column.type):
                column = column.cast(pa.uint8())
            return np.asarray(
                pc.cast(column, pa.float64(), safe=False).to_numpy(), dtype=np.float64
            )
        except (TypeError, ValueError, pa.ArrowException) as error:
            raise _wrong_type(name, values is not None) from error

    def _categorical(
        self, name: str, values: Sequence[Label], column: pa.ChunkedArray
    ) -> npt.NDArray[np.float64]:
        try:
            known = pa.array(list(values)).cast(column.type)
        except (pa.ArrowException, TypeError, ValueError):
            get = self._codes[name].get
            return np.array([get(v, NAN) for v in column.to_pylist()], dtype=np.float64)
        found = pc.index_in(column, value_set=known, skip_nulls=True)
        return np.asarray(found.cast(pa.float64()).to_numpy(), dtype=np.float64)

    def packer(self, buffer: npt.NDArray[np.float64]) -> Callable[[Row], None]:
        """A compiled function that writes one row's encoding into ``buffer``.

        Names enter the generated code only through ``repr`` and the namespace.
        """
        namespace: dict[str, Any] = {
            "pack": struct.Struct(f"{len(self.features)}d").pack_into,
            "buffer": buffer.data.cast("B"),
            "nan": NAN,
        }
        terms = []
        for j, name in enumerate(self.features):
            if name in self._codes:
                namespace[f"c{j}"] = self._codes[name].get
                terms.append(f"c{j}(get({name!r}), nan)")
            else:
                terms.append(f"nan if (v := get({name!r})) is None else v")
        code = "def fill(row):\n    get = row.get\n    pack(buffer, 0, " + ", ".join(terms) + ")\n"
        exec(compile(code, "<holdfast encoder>", "exec"), namespace)  # noqa: S102
        fill: Callable[[Row], None] = namespace["fill"]
        return fill


def _wrong_type(name: str, categorical: bool) -> ModelError:
    return ModelError(
        "a value cannot be encoded for the model",
        expected="a category" if categorical else "a number or null",
        got=f"field={name!r}",
        remedy="the contract's guard catches this; score rows through the release's scorer",
    )


def categories_of(table: pa.Table, features: Sequence[str]) -> dict[str, tuple[Label, ...]]:
    """Categories of the text, boolean and dictionary columns: sorted, in a stable order.

    Used for models that Holdfast trains itself (fallbacks).
    """
    found: dict[str, tuple[Label, ...]] = {}
    for name in features:
        column = table.column(name)
        kind = column.type
        if pa.types.is_dictionary(kind):
            column, kind = column.cast(kind.value_type), kind.value_type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind):
            values = [v for v in pc.unique(column).to_pylist() if v is not None]
            found[name] = tuple(sorted(values))
    return found
