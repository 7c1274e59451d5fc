"""Which rows of a column hold a value of the field's kind, told by its storage where it can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from holdfast.contracts.model import Field, Kind
from holdfast.contracts.rules.columns import nothing, present, sentinel_mask, text_mask
from holdfast.contracts.rules.scalar import category_classes, micros, sentinels

if TYPE_CHECKING:
    import numpy.typing as npt

    from holdfast.frames.column import ColumnView

    Mask = npt.NDArray[np.bool_]


def well_typed_mask(field: Field, column: ColumnView) -> Mask:
    """Rows with a value of the field's kind; array-wide twin of `scalar.well_typed`."""
    return present(column) & ~ill_typed(field, column)


def usable_mask(field: Field, column: ColumnView) -> Mask:
    """Rows a cross-field rule may look at; array-wide twin of `scalar.usable`."""
    mask = well_typed_mask(field, column)
    named = sentinels(field)
    return mask & ~sentinel_mask(field, column, named) if named else mask


def fit_of(field: Field, column: ColumnView) -> str:
    """How a storage meets a kind: all, none, finite, integral, parsed or lists."""
    storage = column.storage.value
    if storage == "null":
        return "all"
    table: dict[Kind, dict[str, str]] = {
        Kind.NUMERIC: {"int": "all", "float": "finite"},
        Kind.INTEGER: {"int": "all", "float": "integral"},
        Kind.BOOLEAN: {"bool": "all"},
        Kind.TEXT: {"text": "all"},
        Kind.ID: {"text": "all", "int": "all", "float": "integral"},
        Kind.TIME: {"time": "all", "text": "parsed"},
        Kind.LIST: {"list": "lists"},
    }
    if field.kind is not Kind.CATEGORICAL:
        return table[field.kind].get(storage, "none")
    classes = category_classes(field)
    fits = {"text": str in classes, "bool": bool in classes, "int": int in classes}
    if storage == "float":
        return "integral" if int in classes else "none"
    return "all" if fits.get(storage, False) else "none"


def ill_typed(field: Field, column: ColumnView) -> Mask:
    """Mask of wrong types; what it says of missing rows is arbitrary."""
    fit = fit_of(field, column)
    if fit == "all":
        return nothing(column)
    if fit == "finite":
        return np.asarray(np.isinf(column.values))
    if fit == "integral":
        values = column.values
        return np.asarray(~(np.isfinite(values) & (np.floor(values) == values)))
    if fit == "parsed":
        return text_mask(column, lambda text: micros(text) is None)
    if fit == "lists":
        return _bad_lists(column)
    return np.ones(len(column), dtype=bool)


def _bad_lists(column: ColumnView) -> Mask:
    """Lists that hold a null, NaN or infinite number."""
    import pyarrow.compute as pc

    inner = column.array.flatten()
    bad = ~np.isfinite(np.asarray(inner.cast("float64", safe=False).fill_null(float("nan"))))
    parents = np.asarray(pc.list_parent_indices(column.array))
    return np.bincount(parents[bad], minlength=len(column)).astype(bool)
