"""Tables in: any Arrow-speaking table, dicts or files become one typed, read-only view.

Example:
    >>> from holdfast import frames
    >>> table = frames.read({"age": [31, None], "job": ["fixed", "partime"]})
    >>> table.num_rows, table.names
    (2, ('age', 'job'))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.lazy import lazy_names

#: public name -> module that defines it
_PUBLIC = {
    "ColumnView": "holdfast.frames.column",
    "Storage": "holdfast.frames.types",
    "Table": "holdfast.frames.table",
    "read": "holdfast.frames.reading",
    "scan": "holdfast.frames.reading",
}

__all__ = ["ColumnView", "Storage", "Table", "read", "scan"]

if TYPE_CHECKING:
    from holdfast.frames.column import ColumnView
    from holdfast.frames.reading import read, scan
    from holdfast.frames.table import Table
    from holdfast.frames.types import Storage


__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
