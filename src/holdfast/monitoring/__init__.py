"""Monitoring: the log is followed, trouble becomes an incident, recovery closes it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

#: public name -> module that defines it
_PUBLIC = {
    "ModelMonitor": "holdfast.monitoring.engine",
    "Monitor": "holdfast.monitoring.monitor",
    "MonitorWorker": "holdfast.monitoring.worker",
    "incidents": "holdfast.monitoring.worker",
}

__all__ = ["ModelMonitor", "Monitor", "MonitorWorker", "incidents"]

if TYPE_CHECKING:
    from holdfast.monitoring.engine import ModelMonitor
    from holdfast.monitoring.monitor import Monitor
    from holdfast.monitoring.worker import MonitorWorker, incidents


def __getattr__(name: str) -> Any:
    module = _PUBLIC.get(name)
    if module is None:
        raise AttributeError(f"module 'holdfast.monitoring' has no attribute {name!r}")
    value = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
