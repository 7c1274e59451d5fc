"""Type: marks values that are not of the field's kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.contracts.model import Field, Kind, TypeRule
from holdfast.contracts.rules.scalar import category_classes, is_null, micros, well_typed

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from holdfast.frames.column import ColumnView

CODE = "type"


def clean(rule: TypeRule, field: Field, column: ColumnView) -> bool:
    """True when the storage of the column, and its bounds, rule out a wrong type."""
    fit = _fit(field, column)
    if fit == "all":
        return True
    if fit == "finite":
        low, high = column.bounds
        return low is None or (abs(low) != float("inf") and abs(high) != float("inf"))
    return False


def check(rule: TypeRule, field: Field, column: ColumnView) -> npt.NDArray[np.bool_]:
    """Mask of present values of a wrong type."""
    from holdfast.contracts.rules.columns import present

    return present(column) & ill_typed(field, column)


def check_one(rule: TypeRule, field: Field, value: Any) -> bool:
    """Whether a value that is not null is of another kind."""
    return not is_null(value) and not well_typed(field, value)


def _fit(field: Field, column: ColumnView) -> str:
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


def ill_typed(field: Field, column: ColumnView) -> npt.NDArray[np.bool_]:
    """Mask of wrong types; what it says of missing rows is arbitrary."""
    import numpy as np

    from holdfast.contracts.rules.columns import nothing, text_mask

    fit = _fit(field, column)
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


def _bad_lists(column: ColumnView) -> npt.NDArray[np.bool_]:
    """Lists that hold a null, NaN or infinite number."""
    import numpy as np
    import pyarrow.compute as pc

    inner = column.array.flatten()
    bad = ~np.isfinite(np.asarray(inner.cast("float64", safe=False).fill_null(float("nan"))))
    parents = np.asarray(pc.list_parent_indices(column.array))
    return np.bincount(parents[bad], minlength=len(column)).astype(bool)
