"""The known faults; one more is one function and one line in the table of its family.

>>> len(FAULTS) > 25, FAULTS["missing"].kind
(True, 'missing')
"""

from __future__ import annotations

from holdfast.drill.faults import concept, drifts, flow, missing, spelling, units, wiring
from holdfast.drill.faults.base import Fault

#: name -> fault, broken pipelines first
FAULTS: dict[str, Fault] = {
    fault.name: fault
    for family in (missing, units, spelling, wiring, flow, drifts, concept)
    for fault in family.FAULTS
}

__all__ = ["FAULTS", "Fault"]
