"""Drill: known faults injected into your own rows, and what your monitoring makes of them.

``hf.drill(release, frame)`` runs it. The package is callable, so that the public name works in
whatever order things were imported.

>>> import holdfast as hf
>>> callable(hf.drill)
True
"""

from __future__ import annotations

import sys
import types
from typing import TYPE_CHECKING, Any

from holdfast.lazy import lazy_names

#: public name -> module that defines it
_PUBLIC = {
    "DrillReport": "holdfast.drill.report",
    "FAULTS": "holdfast.drill.faults",
    "Fault": "holdfast.drill.faults",
    "Power": "holdfast.drill.sensitivity",
    "drill": "holdfast.drill.run",
    "power": "holdfast.drill.sensitivity",
    "summary": "holdfast.drill.telling",
}

__all__ = ["FAULTS", "DrillReport", "Fault", "Power", "drill", "power", "summary"]

if TYPE_CHECKING:
    from holdfast.drill.faults import FAULTS, Fault
    from holdfast.drill.report import DrillReport
    from holdfast.drill.run import drill
    from holdfast.drill.sensitivity import Power, power
    from holdfast.drill.telling import summary


class _Drill(types.ModuleType):
    """The package itself, which runs a drill when called."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from holdfast.drill.run import drill as run

        return run(*args, **kwargs)


__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
sys.modules[__name__].__class__ = _Drill
