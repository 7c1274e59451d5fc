"""Slices: groups of rows on which a model does worse, found on some rows, confirmed on others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.lazy import lazy_names

_PUBLIC = {
    "Literal": "holdfast.evaluation.slices.record",
    "Slice": "holdfast.evaluation.slices.record",
    "Slices": "holdfast.evaluation.slices.record",
    "slices_of": "holdfast.evaluation.slices.finding",
}

__all__ = ["Literal", "Slice", "Slices", "slices_of"]

if TYPE_CHECKING:
    from holdfast.evaluation.slices.finding import slices_of
    from holdfast.evaluation.slices.record import Literal, Slice, Slices


__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
