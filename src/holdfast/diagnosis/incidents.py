"""Incidents as a fold over control events: nothing is stored that the events do not say.

=========================  ======================================================================
by the monitor
-------------------------------------------------------------------------------------------------
``incident.opened``        ``{"incident": {...}}``: the whole record
``incident.updated``       ``{"id", "update", "changes": {...}}``: a sentence, changed fields
``incident.closed``        ``{"id", "closed_at", "reason", "changes": {...}}``: by recovery
``incident.reopened``      ``{"id", "episode", "incident": {...}}``: the same cause came back; the
                           monitor's new record, whose name is from now on one of the old one
by a person, with ``by`` and ``reason``
-------------------------------------------------------------------------------------------------
``incident.acknowledged``  ``{"id"}``: somebody looks after it
``incident.muted``         ``{"id", "until"}``: silent until a time, or (null) until it changes
``incident.unmuted``       ``{"id"}``
``incident.resolved``      ``{"id", "closed_at"}``: closed
``incident.accepted``      ``{"id", "closed_at"}``: closed, and this is normal from now on
``incident.reopened``      ``{"id"}``: closed too early
=========================  ======================================================================

Events that do not fit (of an incident that is not known, a second closing, an event counted
before) change nothing. The same events always give the same incidents.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import msgspec

from holdfast.records import Incident, IncidentStatus, Mute, Note

OPENED = "incident.opened"
UPDATED = "incident.updated"
CLOSED = "incident.closed"
REOPENED = "incident.reopened"
ACKNOWLEDGED = "incident.acknowledged"
MUTED = "incident.muted"
UNMUTED = "incident.unmuted"
RESOLVED = "incident.resolved"
ACCEPTED = "incident.accepted"
KINDS = (
    OPENED, UPDATED, CLOSED, REOPENED, ACKNOWLEDGED, MUTED, UNMUTED, RESOLVED, ACCEPTED,
)  # fmt: skip

#: fields that no later event of the monitor may change
_FIXED = frozenset(
    {
        "id", "model", "opened_at", "opened_row", "status", "updates", "acknowledged", "muted",
        "ending", "reopened", "episode", "by_hand",
    }
)  # fmt: skip
#: fields that a return takes over from the monitor's new record
_RENEWED = (
    "release", "class", "kind", "action", "features", "sentence", "onset_row", "confidence",
    "evidence", "ruled_out", "impact",
)  # fmt: skip
#: a mute "until it changes" ends when one of these changes
_CAUSE = frozenset({"class", "kind", "features"})


class EventLike(Protocol):
    """A control event, as far as the fold needs it."""

    @property
    def kind(self) -> str:
        """What happened."""
        ...

    @property
    def at(self) -> int:
        """When, microseconds since 1970 (UTC)."""
        ...

    @property
    def payload(self) -> Mapping[str, Any]:
        """Plain data."""
        ...


#: what was done about an incident, as the history calls it; other events go by their own name
_DEEDS = {
    "rows.quarantined": "quarantine",
    "rows.released": "quarantine lifted",
    "field.fallback": "fallback",
    "alert.raised": "alert",
    "action.skipped": "not done",
}


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an incident's history.

    Attributes:
        at: when, microseconds since 1970 (UTC).
        kind: kind of the control event.
        text: what happened, in words.
        by: the person, or empty for the monitor.
    """

    at: int
    kind: str
    text: str
    by: str = ""

    @property
    def what(self) -> str:
        """The event in a word or two."""
        return _DEEDS.get(self.kind, self.kind.rpartition(".")[2])


def as_payload(incident: Incident) -> dict[str, Any]:
    """The payload of ``incident.opened``."""
    return {"incident": msgspec.to_builtins(incident)}


def differences(before: Incident, after: Incident) -> dict[str, Any]:
    """The fields that changed, as plain data."""
    old, new = msgspec.to_builtins(before), msgspec.to_builtins(after)
    return {k: v for k, v in new.items() if k not in _FIXED and old.get(k) != v}


def fold(events: Iterable[EventLike]) -> list[Incident]:
    """All incidents that some control events tell of, oldest first; other events are ignored."""
    return Ledger(events).incidents


class Ledger:
    """The incidents and their histories, event by event.

    Args:
        events: control events in their order.

    Attributes:
        histories: incident id → what happened to it, oldest first.
    """

    def __init__(self, events: Iterable[EventLike] = ()) -> None:
        self._found: dict[str, Incident] = {}
        self._names: dict[str, str] = {}
        self._last = 0
        self.histories: dict[str, list[Moment]] = {}
        for event in events:
            self.apply(event)

    @property
    def incidents(self) -> list[Incident]:
        """Every incident, oldest first."""
        return list(self._found.values())

    def get(self, name: str) -> Incident | None:
        """An incident by its id, or by the monitor's name of one of its episodes."""
        return self._found.get(self._names.get(name, name))

    def apply(self, event: EventLike) -> None:
        """Takes one event; one that does not fit changes nothing."""
        number = getattr(event, "seq", None)
        if number is not None:  # the log counts its events: none counts twice
            if number <= self._last:
                return
            self._last = number
        payload = event.payload
        if event.kind == OPENED:
            self._open(event)
            return
        if event.kind not in KINDS:  # something was done about one of them, or about several
            named = payload.get("incidents")
            for name in named if isinstance(named, list) else [payload.get("incident")]:
                known = self.get(str(name))
                if known is not None:
                    said = (payload.get("text"), payload.get("reason"))
                    self._tell(known.id, event, ": ".join(str(t) for t in said if t))
            return
        known = self.get(str(payload.get("id", "")))
        if known is not None:
            try:
                after, text = _apply(known, event)
            except (msgspec.ValidationError, ValueError, TypeError):
                return  # written by another version, or by hand: not for us to read
            if after is known:
                return
            self._found[known.id] = after
            if after.episode:
                self._names[after.episode] = known.id
            self._tell(known.id, event, text)

    def _open(self, event: EventLike) -> None:
        try:
            incident = msgspec.convert(event.payload["incident"], Incident)
        except (KeyError, msgspec.ValidationError):
            return
        if self.get(incident.id) is None:
            self._found[incident.id] = incident
            self._tell(incident.id, event, incident.sentence)

    def _tell(self, name: str, event: EventLike, text: str) -> None:
        by = str(event.payload.get("by") or "")
        moment = Moment(at=event.at, kind=event.kind, text=text, by=by)
        self.histories.setdefault(name, []).append(moment)


def _apply(incident: Incident, event: EventLike) -> tuple[Incident, str]:
    """The incident after an event of it, and the event in words; the same object: no effect."""
    kind, payload = event.kind, event.payload
    reason = str(payload.get("reason") or "")
    standing = incident.status is IncidentStatus.OPEN
    if kind in (UPDATED, CLOSED) and payload.get("id") != (incident.episode or incident.id):
        return incident, ""  # of an episode that is over
    if kind == UPDATED:
        return _updated(incident, payload)
    if kind == REOPENED:
        return (incident, "") if standing and "episode" not in payload else _back(incident, event)
    if not standing:
        return incident, ""
    changes: dict[str, Any] = {}
    if kind in (CLOSED, RESOLVED, ACCEPTED):
        changes = _plain(payload.get("changes", {})) | {
            "status": IncidentStatus.CLOSED.value,
            "closed_at": payload.get("closed_at"),
            "ending": {CLOSED: "recovery", RESOLVED: "resolved", ACCEPTED: "accepted"}[kind],
            "muted": None,
        }
        if reason:
            changes["updates"] = [*incident.updates, reason]
    elif kind == ACKNOWLEDGED:
        changes["acknowledged"] = Note(by=str(payload.get("by", "")), at=event.at, reason=reason)
    elif kind == MUTED:
        changes["muted"] = Mute(
            by=str(payload.get("by", "")), at=event.at, reason=reason, until=payload.get("until")
        )
    elif incident.muted is None:
        return incident, ""
    else:
        changes["muted"] = None
    return _with(incident, changes), reason


def _updated(incident: Incident, payload: Mapping[str, Any]) -> tuple[Incident, str]:
    changes, text = _plain(payload.get("changes", {})), str(payload.get("update", ""))
    if text and text not in incident.updates:
        changes["updates"] = [*incident.updates, text]
    mute = incident.muted
    if mute is not None and mute.until is None and _CAUSE & changes.keys():
        changes["muted"] = None
    after = _with(incident, changes)
    return (incident, "") if after == incident else (after, text)


def _back(incident: Incident, event: EventLike) -> tuple[Incident, str]:
    """The incident open again: the same cause came back, or a person says so."""
    payload = event.payload
    changes: dict[str, Any] = {
        "status": IncidentStatus.OPEN.value,
        "closed_at": None,
        "ending": "",
        "acknowledged": None,
        "muted": None,
        "reopened": [*incident.reopened, event.at],
        "by_hand": "episode" not in payload,
    }
    text = str(payload.get("reason") or "")
    episode = payload.get("episode")
    if episode is not None:
        if str(episode) in (incident.id, incident.episode):
            return incident, ""
        fresh = payload.get("incident")
        fresh = fresh if isinstance(fresh, Mapping) else {}
        changes |= {k: fresh[k] for k in _RENEWED if k in fresh}
        changes["episode"] = str(episode)
        text = str(fresh.get("sentence", ""))
    if text:
        changes["updates"] = [*incident.updates, text]
    return _with(incident, changes), text


def _plain(changes: Any) -> dict[str, Any]:
    known = changes if isinstance(changes, Mapping) else {}
    return {k: v for k, v in known.items() if k not in _FIXED}


def _with(incident: Incident, changes: Mapping[str, Any]) -> Incident:
    return msgspec.convert(
        msgspec.to_builtins(incident) | {k: msgspec.to_builtins(v) for k, v in changes.items()},
        Incident,
    )
