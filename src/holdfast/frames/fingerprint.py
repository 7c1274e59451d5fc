"""A hash of a table's content that does not depend on how the table is cut into chunks."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_BLOCK = 131_072


def fingerprint(table: pa.Table) -> str:
    """sha256 (hex) over names, types and values of a normalised table.

    Nulls differ from NaN, -0.0 from 0.0; all NaN are one. The order of rows and columns counts.

    Example:
        >>> import pyarrow as pa
        >>> whole = pa.table({"x": [1, 2, 3]})
        >>> parts = pa.concat_tables([whole.slice(0, 1), whole.slice(1)])
        >>> fingerprint(whole) == fingerprint(parts)
        True
    """
    digest = hashlib.sha256()
    digest.update(f"holdfast-table-1 {table.num_rows} {table.num_columns}".encode())
    for name, column in zip(table.column_names, table.columns, strict=True):
        header = f"{len(name.encode())}:{name}:{column.type}".encode()
        digest.update(header)
        for start in range(0, table.num_rows, _BLOCK):
            _update(digest, _one(column.slice(start, _BLOCK)))
    return digest.hexdigest()


def _one(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    if isinstance(combined, pa.ChunkedArray):
        return combined.chunk(0)
    return combined


def _update(digest: hashlib._Hash, array: pa.Array) -> None:
    kind = array.type
    if pa.types.is_null(kind):
        digest.update(b"null")
        return
    digest.update(np.packbits(np.asarray(array.is_valid().to_numpy(zero_copy_only=False))).data)
    if pa.types.is_large_list(kind):
        lengths = pc.list_value_length(array).fill_null(0)
        digest.update(np.asarray(lengths.to_numpy(zero_copy_only=False), dtype=np.int64).data)
        _update(digest, array.flatten())
    elif pa.types.is_large_string(kind):
        filled = array.fill_null("")
        lengths = pc.binary_length(filled)
        digest.update(np.asarray(lengths.to_numpy(zero_copy_only=False), dtype=np.int64).data)
        digest.update("".join(filled.to_pylist()).encode("utf-8"))
    elif pa.types.is_boolean(kind):
        flags = array.fill_null(False).to_numpy(zero_copy_only=False)
        digest.update(np.packbits(np.asarray(flags)).data)
    else:
        if pa.types.is_date(kind):
            array = array.view(pa.int32())
        elif pa.types.is_timestamp(kind):
            array = array.view(pa.int64())
        values = np.array(array.fill_null(0).to_numpy(zero_copy_only=False))
        if values.dtype.kind == "f":
            values[np.isnan(values)] = np.nan
        digest.update(np.ascontiguousarray(values).data)
