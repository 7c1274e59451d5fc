"""What is done about an incident without asking, by policy; and what is undone when it ends.

Three things can be done by themselves: an alert, setting the spoiled rows aside (quarantine), and
letting a fallback answer instead of the broken field. Each is a control event, so that the history
shows it and anyone can see who holds what.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol

import msgspec

from holdfast.detection.volume_faults import VolumeKind
from holdfast.diagnosis.incidents import KINDS as INCIDENT_KINDS
from holdfast.diagnosis.incidents import EventLike, Ledger
from holdfast.diagnosis.notices import Notice, Sent
from holdfast.diagnosis.quarantine import KINDS as QUARANTINE_KINDS
from holdfast.diagnosis.quarantine import QUARANTINED, RELEASED, set_aside
from holdfast.records import Automatic, Incident, IncidentStatus
from holdfast.releases.switches import SWITCHED, Switches
from holdfast.reports.naming import names

ALERTED = "alert.raised"
SKIPPED = "action.skipped"
#: every kind of control event that incidents and their actions are folded from
KINDS = (*INCIDENT_KINDS, *QUARANTINE_KINDS, SWITCHED, ALERTED, SKIPPED)
#: kinds about traffic itself: no rows to set aside and no field to switch
ARRIVALS = frozenset(kind.value for kind in VolumeKind)
#: key of a policy that stands for everything it does not name
DEFAULT = "default"


class Event(EventLike, Protocol):
    """A control event with its model."""

    @property
    def model(self) -> str:
        """Of which model."""
        ...


class Step(NamedTuple):
    """One control event to be appended."""

    kind: str
    model: str
    payload: dict[str, Any]
    key: str | None


class ActionPolicy(msgspec.Struct, frozen=True):
    """Which actions are automatic.

    Attributes:
        rules: kind, class or ``default`` → actions. A kind beats its class, a class beats
            ``default``. Under ``default`` rows are set aside and fields switched only for broken
            pipelines: drifted rows are what the next model must learn from.

    Example:
        >>> policy = ActionPolicy({"pipeline": (Automatic.ALERT, Automatic.QUARANTINE)})
        >>> [a.value for a in policy.of("missing", "pipeline")], policy.of("label_shift", "prior")
        (['alert', 'quarantine'], (<Automatic.ALERT: 'alert'>,))
    """

    rules: Mapping[str, tuple[Automatic, ...]] = {}

    def of(self, kind: str, class_: str) -> tuple[Automatic, ...]:
        """The automatic actions for a kind of a class."""
        for name in (kind, class_):
            if name in self.rules:
                return tuple(self.rules[name])
        chosen = tuple(self.rules.get(DEFAULT, (Automatic.ALERT,)))
        if class_ != "pipeline":
            chosen = tuple(a for a in chosen if a is Automatic.ALERT)
        return chosen


class Deeds:
    """What was done so far, folded from control events.

    Attributes:
        ledger: the incidents.
        switches: fields held off.
        aside: (incident, episode) whose rows are set aside.
        skipped: (incident, episode, action) that could not be done.
        sent: notices that went out.
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.ledger = Ledger()
        self.switches = Switches()
        self.aside: set[tuple[str, str]] = set()
        self.skipped: set[tuple[str, str, str]] = set()
        self.sent: list[Sent] = []
        for event in events:
            self.apply(event)

    def apply(self, event: Event) -> None:
        """Takes one event."""
        self.ledger.apply(event)
        payload = event.payload
        name = str(payload.get("incident", "")) if event.kind not in INCIDENT_KINDS else ""
        episode = str(payload.get("episode", ""))
        if event.kind == SWITCHED:
            self.switches = self.switches.after([event])
        elif event.kind == QUARANTINED:
            self.aside.add((name, episode))
        elif event.kind == RELEASED:
            self.aside = {key for key in self.aside if key[0] != name}
        elif event.kind == SKIPPED:
            self.skipped.add((name, episode, str(payload.get("action", ""))))
        elif event.kind == ALERTED:
            told = tuple(map(str, payload.get("names", ())))
            self.sent.append(Sent(at=event.at, key=str(payload.get("key", "")), names=told))


def automatic(
    incident: Incident, policy: ActionPolicy, deeds: Deeds, covered: bool | None
) -> list[Step]:
    """Steps that the policy asks for and that were not taken yet; alerts are told by notices.

    Args:
        incident: as it is now.
        policy: what is automatic.
        deeds: what was done before.
        covered: whether a fallback answers without the guilty fields; None when not known.
    """
    if incident.status is not IncidentStatus.OPEN or incident.by_hand:
        return []
    if incident.kind in ARRIVALS:
        return []
    wanted = policy.of(incident.kind, incident.class_)
    steps: list[Step] = []
    if Automatic.QUARANTINE in wanted and (incident.id, incident.episode) not in deeds.aside:
        steps.append(_step(incident, QUARANTINED, set_aside(incident), "begun"))
    held = {field for _, field in deeds.switches.by(incident.id)}
    missing = [f for f in incident.features if f not in held]
    if Automatic.FALLBACK in wanted and missing:
        known = (incident.id, incident.episode, Automatic.FALLBACK.value) in deeds.skipped
        if covered:
            steps += [switch(incident, field, on=True) for field in missing]
        elif not known:
            why = "its release is not known" if covered is None else "no fallback covers it"
            text = f"{names(missing)} not switched to a fallback: {why}"
            payload = {"action": Automatic.FALLBACK.value, "text": text, "fields": missing}
            steps.append(_step(incident, SKIPPED, payload, "fallback"))
    return steps


def ending(incident: Incident, deeds: Deeds) -> list[Step]:
    """Steps that follow when an incident is closed: fields on again, the range of rows ended.

    Rows of an incident that was accepted as normal are released.
    """
    if incident.status is IncidentStatus.OPEN:
        return []
    steps = [switch(incident, field, on=False) for _, field in deeds.switches.by(incident.id)]
    if any(name == incident.id for name, _ in deeds.aside):
        if incident.ending == "accepted":
            text = "its rows count again: accepted as normal"
            steps.append(_step(incident, RELEASED, {"text": text}, "released"))
        elif (incident.id, incident.episode) in deeds.aside:
            steps.append(_step(incident, QUARANTINED, set_aside(incident), "ended"))
    return steps


def switch(incident: Incident, field: str, *, on: bool, by: str = "", reason: str = "") -> Step:
    """Lets a fallback answer instead of a field (or the field count again)."""
    text = (
        f"{names([field])} switched off: its fallback answers"
        if on
        else f"{names([field])} counts again"
    )
    payload = {"field": field, "on": on, "by": by, "reason": reason, "text": text}
    return _step(incident, SWITCHED, payload, f"{field}/{'off' if on else 'on'}", by_hand=bool(by))


def by_hand(step: Step, *, by: str, reason: str) -> Step:
    """The same step, taken by a person."""
    return step._replace(payload=step.payload | {"by": by, "reason": reason}, key=None)


def quarantine(incident: Incident) -> Step:
    """Sets the rows of an incident aside."""
    return _step(incident, QUARANTINED, set_aside(incident), "begun")


def alert(notice: Notice, told: Iterable[str]) -> Step:
    """A notice as a control event; what sends it reads these."""
    payload = {
        "key": notice.key,
        "text": notice.text,
        "incident": notice.incidents[0],
        "incidents": list(notice.incidents),
        "names": list(told),
    }
    return Step(ALERTED, notice.model, payload, notice.key)


def _step(
    incident: Incident, kind: str, payload: dict[str, Any], what: str, *, by_hand: bool = False
) -> Step:
    payload = {"incident": incident.id, "episode": incident.episode} | payload
    key = f"{incident.id}/{incident.episode}/{len(incident.reopened)}/{kind}/{what}"
    return Step(kind, incident.model, payload, None if by_hand else key)
