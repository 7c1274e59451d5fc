"""From the incidents of a run to what was caught, when, by what, and whether it was named right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from holdfast.drill.faults.base import Fault, Injected
from holdfast.records import Incident


class Alarm(NamedTuple):
    """An incident that the fault caused, the rows seen when it did, and what raised it."""

    incident: Incident
    row: int
    by: str


class Watcher:
    """Collects the incidents of one run and tells those that the fault caused.

    An incident counts when the same rows without the fault do not open it, or when it was open
    already and stands on something new. Its identity depends on the rows alone, so the comparison
    is exact as long as rows stay where they are.

    Args:
        control: the incidents of the same rows without any fault, by id.
        onset: first row of the fault.
    """

    def __init__(self, control: Mapping[str, Incident], onset: int) -> None:
        self._control = control
        self._onset = onset
        self._first: dict[str, int] = {}
        self._last: dict[str, Incident] = {}
        self._by: dict[str, str] = {}

    def take(self, changed: list[Incident], seen: int) -> None:
        """Notes what changed; `seen` rows have been fed by now."""
        for incident in changed:
            known = self._control.get(incident.id)
            if known is not None and streams(incident) <= streams(known):
                continue
            row = seen if known is not None else incident.opened_row
            if row > self._onset:
                self._first.setdefault(incident.id, row)
                self._by.setdefault(incident.id, by(incident))
                self._last[incident.id] = incident

    @property
    def alarms(self) -> list[Alarm]:
        """What the fault caused, the first alarm first, each as last diagnosed."""
        found = [Alarm(self._last[i], row, self._by[i]) for i, row in self._first.items()]
        return sorted(found, key=lambda alarm: alarm.row)


def streams(incident: Incident) -> set[tuple[str, str]]:
    """What an incident stands on: features and codes."""
    return {(str(s.get("feature")), str(s.get("code"))) for s in _rows(incident)}


def by(incident: Incident) -> str:
    """What raised it, strongest evidence first."""
    for stream in _rows(incident):
        return f"{stream.get('feature', '')}:{stream.get('code', '')}"
    return incident.kind


def _rows(incident: Incident) -> list[dict[str, Any]]:
    found = incident.evidence.get("streams", [])
    return found if isinstance(found, list) else []


def verdict(fault: Fault, injected: Injected, alarms: list[Alarm], onset: int) -> dict[str, Any]:
    """The fields of an `Outcome` that follow from the alarms."""
    if not alarms:
        return {"caught": False}
    incident, row, raised_by = alarms[0]
    features = incident.features
    return {
        "caught": True,
        "rows_to_alarm": row - onset,
        "by": raised_by,
        "incidents": len(alarms),
        "found_kind": incident.kind,
        "found_class": incident.class_,
        "found_action": incident.action.value,
        "found_columns": features,
        "sentence": incident.sentence,
        "kind_right": incident.kind == fault.kind,
        "culprit_right": (
            bool(features) and features[0] in injected.columns if injected.columns else None
        ),
        "action_right": incident.action in fault.actions,
    }
