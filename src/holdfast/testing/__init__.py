"""Suites and generators shipped to users: prove that what you built keeps Holdfast's promises.

Example:
    >>> from holdfast.testing import disagreements, random_contract, random_table
    >>> data = random_contract(seed=1)
    >>> disagreements(data, random_table(data, rows=50, seed=1))
    []
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.lazy import lazy_names

#: public name -> module that defines it
_PUBLIC = {
    "assert_passed": "holdfast.testing.asserts",
    "Disagreement": "holdfast.testing.conformance",
    "disagreements": "holdfast.testing.conformance",
    "fault_problems": "holdfast.testing.faults",
    "row_disagreements": "holdfast.testing.conformance",
    "random_contract": "holdfast.testing.contracts",
    "random_rows": "holdfast.testing.rows",
    "random_scene": "holdfast.testing.faults",
    "random_table": "holdfast.testing.rows",
}

__all__ = [
    "Disagreement",
    "assert_passed",
    "disagreements",
    "fault_problems",
    "random_contract",
    "random_rows",
    "random_scene",
    "random_table",
    "row_disagreements",
]

if TYPE_CHECKING:
    from holdfast.testing.asserts import assert_passed
    from holdfast.testing.conformance import Disagreement, disagreements, row_disagreements
    from holdfast.testing.contracts import random_contract
    from holdfast.testing.faults import fault_problems, random_scene
    from holdfast.testing.rows import random_rows, random_table


__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
