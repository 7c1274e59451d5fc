"""Monitoring: the log is followed, trouble becomes an incident, recovery closes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.lazy import lazy_names

#: public name -> module that defines it
_PUBLIC = {
    "ModelMonitor": "holdfast.monitoring.engine",
    "Monitor": "holdfast.monitoring.monitor",
    "MonitorWorker": "holdfast.monitoring.worker",
    "TableReference": "holdfast.monitoring.table_reference",
    "incidents": "holdfast.monitoring.worker",
    "promised": "holdfast.monitoring.promise_report",
    "replay": "holdfast.monitoring.replaying",
}

__all__ = [
    "ModelMonitor",
    "Monitor",
    "MonitorWorker",
    "TableReference",
    "incidents",
    "promised",
    "replay",
]

if TYPE_CHECKING:
    from holdfast.monitoring.engine import ModelMonitor
    from holdfast.monitoring.monitor import Monitor
    from holdfast.monitoring.promise_report import promised
    from holdfast.monitoring.replaying import replay
    from holdfast.monitoring.table_reference import TableReference
    from holdfast.monitoring.worker import MonitorWorker, incidents


__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
