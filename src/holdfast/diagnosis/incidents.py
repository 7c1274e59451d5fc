"""Incidents as a fold over control events: nothing is stored that the events do not say.

=====================  ==========================================================================
``incident.opened``    ``{"incident": {...}}``: the whole record
``incident.updated``   ``{"id", "update", "changes": {...}}``: a sentence, changed fields
``incident.closed``    ``{"id", "closed_at", "reason", "changes": {...}}``: by recovery
``incident.resolved``  ``{"id", "closed_at", "reason", "by"}``: by a person
=====================  ==========================================================================

Events of an incident that the fold does not know, and repeated ones, change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import msgspec

from holdfast.records import Incident, IncidentStatus

OPENED = "incident.opened"
UPDATED = "incident.updated"
CLOSED = "incident.closed"
RESOLVED = "incident.resolved"
KINDS = (OPENED, UPDATED, CLOSED, RESOLVED)

#: fields that no later event may change
_FIXED = frozenset({"id", "model", "opened_at", "opened_row", "status", "updates"})


class EventLike(Protocol):
    """A control event, as far as the fold needs it."""

    @property
    def kind(self) -> str:
        """What happened."""
        ...

    @property
    def payload(self) -> Mapping[str, Any]:
        """Plain data."""
        ...


def as_payload(incident: Incident) -> dict[str, Any]:
    """The payload of ``incident.opened``."""
    return {"incident": msgspec.to_builtins(incident)}


def differences(before: Incident, after: Incident) -> dict[str, Any]:
    """The fields that changed, as plain data."""
    old, new = msgspec.to_builtins(before), msgspec.to_builtins(after)
    return {k: v for k, v in new.items() if k not in _FIXED and old.get(k) != v}


def fold(events: Iterable[EventLike]) -> list[Incident]:
    """All incidents that some control events tell of, oldest first; other events are ignored."""
    found: dict[str, Incident] = {}
    for event in events:
        if event.kind == OPENED:
            incident = msgspec.convert(event.payload["incident"], Incident)
            found.setdefault(incident.id, incident)
        elif event.kind in KINDS:
            known = found.get(str(event.payload.get("id", "")))
            if known is not None:
                found[known.id] = _apply(known, event)
    return list(found.values())


def _apply(incident: Incident, event: EventLike) -> Incident:
    payload = event.payload
    changes = {k: v for k, v in payload.get("changes", {}).items() if k not in _FIXED}
    if event.kind == UPDATED:
        text = str(payload.get("update", ""))
        if text and text not in incident.updates:
            changes["updates"] = [*incident.updates, text]
    elif incident.status is IncidentStatus.CLOSED:
        return incident
    else:
        reason = str(payload.get("reason", ""))
        changes |= {"status": IncidentStatus.CLOSED.value, "closed_at": payload.get("closed_at")}
        if reason:
            changes["updates"] = [*incident.updates, reason]
    return msgspec.convert(msgspec.to_builtins(incident) | changes, Incident)
