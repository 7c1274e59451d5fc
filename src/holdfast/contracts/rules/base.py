"""What a rule module offers, as protocols."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from holdfast.contracts.model import Field
    from holdfast.frames.column import ColumnView


class FieldMember(Protocol):
    """A module with the functions of one field rule.

    Each function stands alone: outside the values it speaks of (a null for a range) it marks
    nothing. `clean` is a cheap sufficient test: True promises that `check` marks no row.
    """

    CODE: str

    def clean(self, rule: Any, field: Field, column: ColumnView) -> bool:
        """True when no row can be marked, told from counts and bounds alone."""

    def check(self, rule: Any, field: Field, column: ColumnView) -> npt.NDArray[np.bool_]:
        """Mask of marked rows."""

    def check_one(self, rule: Any, field: Field, value: Any) -> bool:
        """Whether one value is marked."""


class CrossMember(Protocol):
    """A module with the functions of one cross-field rule.

    A row is tried only when the values concerned are present and well typed (null-together looks
    at nulls alone); a value that a sentinel rule names counts as absent for order and sum.
    """

    CODE: str

    def check(
        self, rule: Any, fields: Mapping[str, Field], columns: Mapping[str, ColumnView]
    ) -> npt.NDArray[np.bool_]:
        """Mask of marked rows."""

    def check_one(self, rule: Any, fields: Mapping[str, Field], row: Mapping[str, Any]) -> bool:
        """Whether one row is marked."""
