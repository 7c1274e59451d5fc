"""Two tables or profiles compared: what differs, whether it matters, what the cause may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.lazy import lazy_names

#: public name -> module that defines it
_PUBLIC = {
    "ColumnComparison": "holdfast.comparison.record",
    "Comparison": "holdfast.comparison.record",
    "Difference": "holdfast.comparison.record",
    "Status": "holdfast.comparison.record",
    "compare": "holdfast.comparison.comparing",
}

__all__ = ["ColumnComparison", "Comparison", "Difference", "Status", "compare"]

if TYPE_CHECKING:
    from holdfast.comparison.comparing import compare
    from holdfast.comparison.record import ColumnComparison, Comparison, Difference, Status


__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
