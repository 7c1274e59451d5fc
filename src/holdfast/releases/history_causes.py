"""What moves releases, in words: incidents, spoiled rows, retrainings, decisions of the loop."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.releases.history_words import (
    Called,
    Payload,
    Teller,
    Told,
    joined,
    short,
    text,
    texts,
)
from holdfast.reports.cells import moment


def names_of(kind: str, payload: Payload, called: dict[str, str]) -> None:
    """Learn from an event what an incident, or a new episode of it, is called."""
    incident = payload.get("incident")
    if kind not in ("incident.opened", "incident.reopened") or not isinstance(incident, Mapping):
        return
    sentence, name = text(incident, "sentence"), text(incident, "id")
    if kind == "incident.reopened":
        name = text(payload, "id") or name
    if name and sentence:
        called[name] = sentence


def _retrained(payload: Payload, _: Called) -> Told | None:
    release, parent = text(payload, "release"), text(payload, "parent")
    if not release:
        return None
    override = text(payload, "override")
    return Told(
        sentence=f"Retraining made {short(release)}"
        + (f" to follow {short(parent)}" if parent else "")
        + (", in spite of a veto" if override else "")
        + ".",
        release=release,
        why=joined(text(payload, "reason"), override and f"Veto overridden: {override}"),
    )


def _not_retrained(payload: Payload, _: Called) -> Told:
    release = text(payload, "release")
    return Told(
        sentence=f"Retraining made {short(release)}, which may not answer."
        if release
        else "Retraining made no release.",
        release=release or None,
        why=joined(*texts(payload, "why")) or text(payload, "reason"),
        tone="bad",
    )


def _vetoed(payload: Payload, called: Called) -> Told:
    names = [name for name in texts(payload, "incidents") if name in called]
    return Told(
        sentence="Retraining vetoed: nothing was trained.",
        incident=names[0] if names else None,
        why=joined(*texts(payload, "why")),
        tone="bad",
    )


def _decided(payload: Payload, called: Called) -> Told | None:
    decision, cause = text(payload, "decision"), text(payload, "cause")
    if not decision:
        return None
    incident = text(payload, "incident") or (cause if cause in called else "")
    # a cause with a colon is a key for programs; the reasons say it in words
    named = cause and cause != incident and ":" not in cause
    because = f", because of {cause.replace('_', ' ')}" if named else ""
    return Told(
        sentence=f"The loop decided: {decision.replace('_', ' ')}{because}.",
        release=text(payload, "release") or None,
        incident=incident or None,
        why=joined(*texts(payload, "why")),
        tone="bad" if "veto" in decision else "",
    )


def _rows(sentence: str, tone: str) -> Teller:
    def tell(payload: Payload, _: Called) -> Told:
        since, until = payload.get("since"), payload.get("until")
        span = f" from {moment(since)}" if type(since) is int else " of the incident"
        span += (
            f" until {moment(until)}" if type(until) is int else " on" if type(since) is int else ""
        )
        return Told(
            sentence=f"Rows{span} {sentence}.",
            incident=text(payload, "incident") or None,
            why=joined(*texts(payload, "why")) or text(payload, "reason") or text(payload, "text"),
            tone=tone,
        )

    return tell


def _incident(what: str, tone: str = "") -> Teller:
    """An event of an incident: what happened to it, and what it is called."""

    def tell(payload: Payload, called: Called) -> Told | None:
        opened = payload.get("incident")
        name = text(payload, "id") or (text(opened, "id") if isinstance(opened, Mapping) else "")
        update = text(payload, "update")
        if not name or (what == "Incident changed" and not update):
            return None
        said = update or called.get(name, f"`{name[:12]}`")
        said = said if said.endswith((".", "!", "?")) else f"{said}."
        return Told(
            sentence=f"{what}: {said}", incident=name, why=text(payload, "reason"), tone=tone
        )

    return tell


#: kind of event → its words
CAUSES: Mapping[str, Teller] = {
    "retrain.finished": _retrained,
    "retrain.rejected": _not_retrained,
    "retrain.vetoed": _vetoed,
    "loop.decided": _decided,
    "rows.spoiled": _rows("are spoiled and stay out of training", "bad"),
    "rows.cleared": _rows("may be learned from again", "good"),
    "incident.opened": _incident("Incident opened", "bad"),
    "incident.updated": _incident("Incident changed"),
    "incident.reopened": _incident("Incident came back", "bad"),
    "incident.acknowledged": _incident("Somebody looks after the incident"),
    "incident.muted": _incident("Incident muted"),
    "incident.unmuted": _incident("Incident no longer muted"),
    "incident.closed": _incident("Incident over", "good"),
    "incident.resolved": _incident("Incident resolved", "good"),
    "incident.accepted": _incident("Incident accepted as normal", "good"),
}
