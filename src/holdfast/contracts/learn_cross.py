"""Find cross-field rules with evidence."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.contracts.model import CrossRule, Field
from holdfast.frames import Table


def cross_rules(table: Table, fields: Sequence[Field], *, seed: int = 0) -> tuple[CrossRule, ...]:
    """The rules over several fields that the table obeys and chance does not explain."""
    del table, fields, seed
    return ()
