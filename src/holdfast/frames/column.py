"""One column as rules and statistics see it: numpy arrays, counts and bounds, each made once."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.frames.types import Storage, storage_of

BoolArray = npt.NDArray[np.bool_]


class ColumnView:
    """A read-only view of one normalised column.

    Attributes:
        name: the column's name.
        array: the values as one contiguous Arrow array.
        storage: how the values are stored.

    Example:
        >>> import pyarrow as pa
        >>> view = ColumnView("x", pa.array([1.0, None, float("nan"), 4.0]))
        >>> view.null_count, view.nan_count, view.bounds
        (1, 1, (1.0, 4.0))
    """

    def __init__(self, name: str, array: pa.Array | pa.ChunkedArray) -> None:
        if isinstance(array, pa.ChunkedArray):
            array = array.chunk(0) if array.num_chunks == 1 else array.combine_chunks()
            if isinstance(array, pa.ChunkedArray):  # an empty column combines to no chunk at all
                array = pa.array([], type=array.type)
        self.name = name
        self.array: pa.Array = array
        self.storage = storage_of(array.type)

    def __len__(self) -> int:
        return len(self.array)

    def __repr__(self) -> str:
        return f"ColumnView({self.name!r}, rows={len(self)}, storage={self.storage.value})"

    @cached_property
    def null_count(self) -> int:
        """Rows that are null (NaN not counted)."""
        return int(self.array.null_count)

    @cached_property
    def nan_count(self) -> int:
        """Rows that hold a float NaN and are not null."""
        if self.storage is not Storage.FLOAT or not len(self):
            return 0
        if not self.null_count:
            return int(np.count_nonzero(np.isnan(self.values)))
        return int(pc.sum(pc.is_nan(self.array)).as_py() or 0)

    @property
    def missing_count(self) -> int:
        """Rows without a value: null or NaN."""
        return self.null_count + self.nan_count

    @property
    def present_count(self) -> int:
        """Rows with a value."""
        return len(self) - self.missing_count

    @cached_property
    def missing(self) -> BoolArray | None:
        """Mask of the rows without a value; None when there is none."""
        if not self.missing_count:
            return None
        if self.null_count:
            mask = pc.is_null(self.array, nan_is_null=self.nan_count > 0)
            return np.asarray(mask.to_numpy(zero_copy_only=False))
        return np.asarray(np.isnan(self.values))

    @cached_property
    def values(self) -> npt.NDArray[Any]:
        """Raw numbers of a bool, int, float or time column, times as microseconds since 1970.

        What stands under a null is arbitrary: combine with `missing`. Zeros for other storages.
        """
        array = self.array
        if self.storage is Storage.BOOL:
            return np.asarray(array.fill_null(False).to_numpy(zero_copy_only=False))
        if self.storage is Storage.TIME:
            if pa.types.is_date(array.type):
                days = array.view(pa.int32())
                return _buffer(days, np.dtype(np.int32)).astype(np.int64) * 86_400_000_000
            return _buffer(array.view(pa.int64()), np.dtype(np.int64))
        if self.storage in {Storage.NULL, Storage.TEXT, Storage.LIST}:
            return np.zeros(len(self))
        return _buffer(array, np.dtype(array.type.to_pandas_dtype()))

    @cached_property
    def present(self) -> npt.NDArray[Any]:
        """`values` of the rows that have one."""
        return self.values if self.missing is None else self.values[~self.missing]

    @cached_property
    def bounds(self) -> tuple[Any, Any]:
        """Smallest and largest number (times in microseconds), or (None, None). Exact."""
        if self.storage not in {Storage.INT, Storage.FLOAT, Storage.TIME}:
            return None, None
        if not self.present_count:
            return None, None
        if not self.missing_count:
            return self.values.min().item(), self.values.max().item()
        array = self.array
        if self.storage is Storage.TIME:
            array = (
                array.cast(pa.timestamp("us")).view(pa.int64())
                if pa.types.is_date(array.type)
                else array.view(pa.int64())
            )
        both = pc.min_max(array)
        return both["min"].as_py(), both["max"].as_py()

    def keep_bounds(self, smallest: Any, largest: Any) -> None:
        """Take over bounds that a sort has shown already, to spare another pass."""
        self.__dict__["bounds"] = (smallest, largest)

    @cached_property
    def _encoding(self) -> tuple[npt.NDArray[np.int32], pa.Array]:
        dictionary = self.array.dictionary_encode()
        codes = dictionary.indices
        if codes.null_count:
            codes = codes.fill_null(-1)
        return np.asarray(codes.to_numpy(zero_copy_only=False)), dictionary.dictionary

    @property
    def codes(self) -> npt.NDArray[np.int32]:
        """For every row the place of its value in `dictionary`; -1 for null."""
        return self._encoding[0]

    @property
    def dictionary(self) -> pa.Array:
        """The distinct values of a text column, in order of first appearance."""
        return self._encoding[1]

    @cached_property
    def encoded(self) -> tuple[npt.NDArray[np.int32], list[str]]:
        """`codes`, and `dictionary` as Python texts."""
        return self.codes, self.dictionary.to_pylist()

    @cached_property
    def length_array(self) -> pa.Array:
        """Length of every text (characters) or list (numbers); null where there is none."""
        if self.storage is Storage.LIST:
            return pc.list_value_length(self.array)
        return pc.utf8_length(self.array)

    @cached_property
    def lengths(self) -> tuple[Any, Any]:
        """Shortest and longest text or list, or (None, None)."""
        both = pc.min_max(self.length_array)
        return both["min"].as_py(), both["max"].as_py()

    def to_pylist(self) -> list[Any]:
        """The values as plain Python objects."""
        return list(self.array.to_pylist())


def _buffer(array: pa.Array, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """The values of a fixed-width array without a copy, whatever stands under the nulls."""
    data = array.buffers()[1]
    if data is None or not len(array):
        return np.zeros(len(array), dtype=dtype)
    whole = np.frombuffer(data, dtype=dtype, count=array.offset + len(array))
    return whole[array.offset :]
